"""The listener: no scan is lost between a scanner and the server, none is written that may not be."""

import http.server
import io
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from scanners import listen
from scanners.cli import main
from scanners.listen import Listener, listen_command
from scanners.readers import stream
from scanners.readers.delivery import Destination, InsecureAddress, Outcome, send
from scanners.readers.spool import Spool, WaitingScan, new_scan
from scanners.readers.stream import LONGEST_SCAN_BYTES, ReaderUnavailable, network_chunks, scans, serial_chunks

pytestmark = pytest.mark.enable_socket

SCAN = "]d2010370000000001310A1\x1d2177"
PATIENT = "IS01" + "0" * 22 + "S1280129999999969S21.2.250.1.213.1.4.10"
TOKEN = "t59_secret"


class Server:
    """A server on loopback that answers as told and remembers what it got."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.got: list[dict[str, str]] = []
        self.tokens: set[str | None] = set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.tokens.add(self.headers["Authorization"])
                status = outer.statuses.pop(0) if outer.statuses else 201
                outer.got.append(body)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"said")

            def log_message(self, *_arguments: object) -> None:
                """Keep quiet."""

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def destination(self) -> Destination:
        return Destination(f"http://127.0.0.1:{self.http.server_port}/api/v1/scans", TOKEN)

    def raws(self) -> list[str]:
        return [body["text"] for body in self.got]

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


class Scanner:
    """A network scanner on loopback."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(10)

    @property
    def source(self) -> Callable[[], Iterator[bytes]]:
        return partial(network_chunks, *self.socket.getsockname())

    def connected(self) -> socket.socket:
        return self.socket.accept()[0]

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def scanner() -> Iterator[Scanner]:
    running = Scanner()
    yield running
    running.close()


@pytest.fixture
def listening(tmp_path: Path, server: Server, scanner: Scanner) -> Iterator[tuple[Listener, socket.socket]]:
    listener = Listener(scanner.source, server.destination, Spool(tmp_path), io.StringIO(), first_pause_seconds=0.02)
    thread = threading.Thread(target=listener.run)
    thread.start()
    line = scanner.connected()
    yield listener, line
    listener.stop()
    line.close()
    scanner.close()
    thread.join()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def waiting(folder: Path) -> list[str]:
    return [scan.raw for scan in Spool(folder).waiting()]


def test_a_scan_reaches_the_server_unchanged_and_leaves_the_disk(
    listening: tuple[Listener, socket.socket], server: Server, tmp_path: Path
) -> None:
    _listener, line = listening

    line.sendall(SCAN.encode() + b"\r\n")
    eventually(lambda: bool(server.got) and not waiting(tmp_path))

    assert server.raws() == [SCAN]
    assert server.tokens == {f"Bearer {TOKEN}"}
    assert len(server.got[0]["id"]) == 36


def test_scans_wait_for_a_server_in_trouble_and_keep_their_order(
    listening: tuple[Listener, socket.socket], server: Server, tmp_path: Path
) -> None:
    _listener, line = listening
    server.statuses = [503, 401, 500, 429]

    line.sendall(b"first one\rsecond one\rthird one\r")
    eventually(lambda: len(server.got) == 7 and not waiting(tmp_path))

    assert server.raws() == ["first one"] * 5 + ["second one", "third one"]
    assert len({body["id"] for body in server.got[:5]}) == 1


def test_a_scan_the_server_will_never_take_is_set_aside_and_holds_nothing_up(
    listening: tuple[Listener, socket.socket], server: Server, tmp_path: Path
) -> None:
    _listener, line = listening
    server.statuses = [422]

    line.sendall(b"bad one\rgood one\r")
    eventually(lambda: len(server.got) == 2 and not waiting(tmp_path))

    assert Spool(tmp_path).refused_count() == 1
    (refused,) = (tmp_path / "refused").glob("*.json")
    assert json.loads(refused.read_text())["raw"] == "bad one"
    assert "422" in json.loads(refused.read_text())["answer"]


def test_a_scanner_that_goes_away_is_called_again(
    listening: tuple[Listener, socket.socket], scanner: Scanner, server: Server
) -> None:
    _listener, line = listening

    line.sendall(b"before\rhalf a sc")
    line.close()
    again = scanner.connected()
    again.sendall(b"after it\r")
    eventually(lambda: len(server.got) == 2)
    again.close()

    assert server.raws() == ["before", "after it"]


def test_a_patients_label_is_sent_but_never_written(
    listening: tuple[Listener, socket.socket], server: Server, tmp_path: Path
) -> None:
    listener, line = listening
    server.statuses = [503]

    line.sendall(PATIENT.encode() + b"\r" + b"a device\r")
    eventually(lambda: len(server.got) == 2 and not waiting(tmp_path))

    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    said = listener.out.getvalue() if isinstance(listener.out, io.StringIO) else ""
    assert server.raws() == [PATIENT, "a device"]
    assert "28012" not in written + said


def test_what_was_on_the_disk_before_a_crash_is_sent_after_it(tmp_path: Path, server: Server, scanner: Scanner) -> None:
    Spool(tmp_path).keep(new_scan(SCAN))
    listener = Listener(scanner.source, server.destination, Spool(tmp_path), io.StringIO(), first_pause_seconds=0.02)
    thread = threading.Thread(target=listener.run)

    thread.start()
    eventually(lambda: bool(server.got) and not waiting(tmp_path))
    listener.stop()
    scanner.connected().close()
    thread.join()

    assert server.raws() == [SCAN]


def test_a_scanner_that_is_not_there_is_told_and_tried_again(tmp_path: Path, server: Server) -> None:
    out = io.StringIO()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    listener = Listener(
        partial(network_chunks, "127.0.0.1", port), server.destination, Spool(tmp_path), out, first_pause_seconds=0.01
    )
    thread = threading.Thread(target=listener.run)

    thread.start()
    eventually(lambda: out.getvalue().count("no scanner answers at 127.0.0.1") >= 2)
    listener.stop()
    thread.join()

    assert not thread.is_alive()


def test_a_spool_survives_damage_and_keeps_to_its_owner(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    kept = new_scan("forêt \x1d\0")
    spool.keep(kept)
    (tmp_path / "waiting" / "0.json").write_text('{"scan_id": ')
    (tmp_path / "waiting" / "1.json").write_text("[]")
    (tmp_path / "waiting" / "2.draft").write_text("half")

    assert list(spool.waiting()) == [kept]
    assert spool.refused_count() == 2
    (path,) = (tmp_path / "waiting").glob("*-*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "waiting").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.ACKNOWLEDGED),
        (201, Outcome.ACKNOWLEDGED),
        (202, Outcome.ACKNOWLEDGED),
        (302, Outcome.NOT_NOW),
        (400, Outcome.REFUSED),
        (401, Outcome.NOT_NOW),
        (403, Outcome.NOT_NOW),
        (404, Outcome.NOT_NOW),
        (409, Outcome.REFUSED),
        (422, Outcome.REFUSED),
        (500, Outcome.NOT_NOW),
    ],
)
def test_only_an_acknowledgement_or_a_final_refusal_ends_the_waiting(
    server: Server, status: int, outcome: Outcome
) -> None:
    server.statuses = [status]

    assert send(WaitingScan("1", "x"), server.destination).outcome is outcome


def test_the_agent_names_its_workstation_with_each_scan(server: Server) -> None:
    destination = replace(server.destination, workstation="01939f3a-0000-7000-8000-000000000001")

    send(WaitingScan("1", "x"), destination)
    send(WaitingScan("2", "y"), server.destination)

    assert [body.get("workstation_id") for body in server.got] == [destination.workstation, None]


def test_a_server_that_is_down_or_speaks_no_http_means_not_now(scanner: Scanner) -> None:
    host, port = scanner.socket.getsockname()

    def talk() -> None:
        with scanner.connected() as line:
            line.sendall(b"\0\1\2 no http\r\n\r\n")
            line.recv(1000)

    babble = threading.Thread(target=talk)
    babble.start()

    babbled = send(WaitingScan("1", "x"), Destination(f"http://{host}:{port}/scans", TOKEN))
    babble.join()
    scanner.close()
    down = send(WaitingScan("1", "x"), Destination(f"http://{host}:{port}/scans", TOKEN))

    assert babbled.outcome is Outcome.NOT_NOW
    assert down.outcome is Outcome.NOT_NOW


@pytest.mark.parametrize(
    "url", ["http://hospital.example/api/v1/scans", "http://10.0.0.1/scans", "ftp://x/", "hospital", "https://", ""]
)
def test_an_address_that_would_show_the_token_is_refused(url: str) -> None:
    with pytest.raises(InsecureAddress):
        Destination(url, TOKEN)


@pytest.mark.parametrize("url", ["https://hospital.example/scans", "http://localhost:8000/", "http://[::1]:8000/"])
def test_an_encrypted_or_local_address_is_taken(url: str) -> None:
    assert Destination(url, TOKEN).url == url


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([b"one two\r", b"\nthree four\n\n\r"], ["one two", "three four"]),
        ([b"in ", b"", b"two parts\r"], ["in two parts"]),
        ([b"+H999TRK60 \r"], ["+H999TRK60 "]),
        (["forêt\r".encode()], ["forêt"]),
        (["forêt\r".encode("latin-1")], ["forêt"]),
        ([b"[)>\x1e06\x1d9N110375286414\x1e\x04\r"], ["[)>\x1e06\x1d9N110375286414\x1e\x04"]),
        ([b"x" * LONGEST_SCAN_BYTES + b"\r"], ["x" * LONGEST_SCAN_BYTES]),
        ([b"x" * (LONGEST_SCAN_BYTES + 1) + b"\rnext one\r"], ["next one"]),
        ([b"x" * 3000, b"x" * 3000, b"x" * 3000, b"end\rnext one\r"], ["next one"]),
        ([b"unfinished"], []),
        ([], []),
    ],
)
def test_a_stream_is_cut_at_line_ends_and_nowhere_else(chunks: list[bytes], expected: list[str]) -> None:
    assert list(scans(chunks)) == expected


def test_a_serial_scanner_is_read() -> None:
    pytest.importorskip("serial")
    scanner_side, computer_side = os.openpty()
    chunks = serial_chunks(os.ttyname(computer_side), baud_rate=9600)
    assert next(chunks) == b""

    os.write(scanner_side, SCAN.encode() + b"\r")
    scan = next(scans(chunks))
    os.close(scanner_side)
    os.close(computer_side)

    assert scan == SCAN


def test_a_serial_port_that_is_not_there_is_told() -> None:
    pytest.importorskip("serial")

    with pytest.raises(ReaderUnavailable, match="no scanner on"):
        next(serial_chunks("/dev/no-such-port", baud_rate=9600))


def test_a_missing_pyserial_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "serial", None)

    with pytest.raises(ReaderUnavailable, match="pyserial"):
        next(serial_chunks("/dev/ttyACM0", baud_rate=9600))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--url", "https://h.example/scans"], "--serial --tcp"),
        (["--tcp", "10.0.0.5:9100"], "--url"),
        (["--tcp", "10.0.0.5:9100", "--serial", "COM3", "--url", "https://h.example/scans"], "not allowed with"),
        (["--tcp", "10.0.0.5", "--url", "https://h.example/scans"], "HOST:PORT"),
        (["--tcp", "10.0.0.5:9100", "--url", "http://h.example/scans"], "https"),
        (["--tcp", "10.0.0.5:9100", "--url", "https://h.example/", "--token-file", "/no/such"], "token cannot be read"),
    ],
)
def test_wrong_usage_is_explained_and_exits_2(
    words: list[str], complaint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(listen.TOKEN_VARIABLE, TOKEN)

    with pytest.raises(SystemExit) as stopped:
        listen_command(words, io.StringIO())

    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_missing_token_is_explained(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(listen.TOKEN_VARIABLE, raising=False)

    with pytest.raises(SystemExit):
        listen_command(["--tcp", "10.0.0.5:9100", "--url", "https://h.example/scans"], io.StringIO())

    assert listen.TOKEN_VARIABLE in capsys.readouterr().err


def test_the_command_line_knows_the_listener(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(listen.TOKEN_VARIABLE, TOKEN)

    with pytest.raises(SystemExit) as stopped:
        main(["listen", "--tcp", "10.0.0.5:9100", "--url", "http://h.example/scans"])

    assert stopped.value.code == 2
    assert "python -m scanners listen: error: the address must begin with https" in capsys.readouterr().err
