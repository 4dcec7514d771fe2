"""The reader process: whatever happens to it, the caller gets an answer and the next file is read."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from scanners.readers import ImageReading, Limits, Symbol, exchange, isolation, process
from scanners.readers.isolation import IsolatedReader, read_isolated
from scanners.result import Fault
from scanners.symbols import datamatrix

LABEL = datamatrix.png("T59-00001")


@pytest.fixture
def reader() -> Iterator[IsolatedReader]:
    isolated = IsolatedReader()
    yield isolated
    isolated.close()


def dreary_photo() -> bytes:
    """Return a picture that keeps the decoders busy for seconds."""
    file = io.BytesIO()
    Image.effect_noise((3000, 3000), 90).save(file, "JPEG")
    return file.getvalue()


def texts(reading: ImageReading) -> list[str]:
    return [symbol.text for symbol in reading.symbols]


def code(reading: ImageReading) -> str | None:
    return None if reading.fault is None else reading.fault.code


def test_one_process_serves_file_after_file(reader: IsolatedReader) -> None:
    first = reader.read(LABEL)
    process_id = reader.process_id
    second = reader.read(LABEL)

    assert texts(first) == ["T59-00001"]
    assert second == first
    assert reader.process_id == process_id
    assert process_id != os.getpid()


def test_a_process_is_replaced_after_many_files(reader: IsolatedReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_FILES_PER_PROCESS", 1)
    reader.read(LABEL)
    first = reader.process_id

    reading = reader.read(LABEL)

    assert texts(reading) == ["T59-00001"]
    assert reader.process_id != first


def test_a_picture_that_needs_more_memory_than_allowed_is_a_stated_fault(reader: IsolatedReader) -> None:
    large = io.BytesIO()
    Image.new("RGBA", (7_700, 7_700)).save(large, "PNG", compress_level=1)
    reader.read(LABEL)
    psutil.Process(reader.process_id).rlimit(psutil.RLIMIT_AS, (400_000_000, 400_000_000))

    reading = reader.read(large.getvalue())

    assert code(reading) == "image-too-large"
    assert texts(reader.read(LABEL)) == ["T59-00001"]


def test_the_module_function_reads_in_a_process_of_its_own() -> None:
    assert texts(read_isolated(LABEL)) == ["T59-00001"]


def test_a_process_that_was_killed_is_replaced(reader: IsolatedReader) -> None:
    reader.read(LABEL)
    killed = reader.process_id
    assert killed is not None

    os.kill(killed, signal.SIGKILL)
    reading = reader.read(LABEL)

    assert texts(reading) == ["T59-00001"]
    assert reader.process_id != killed


def test_a_reader_that_hangs_is_ended_on_time_and_replaced(reader: IsolatedReader) -> None:
    reader.read(LABEL)
    hanging = reader.process_id

    reading = reader.read(dreary_photo(), timeout_seconds=0.3)

    assert code(reading) == "reader-timeout"
    assert hanging is not None
    assert not psutil.pid_exists(hanging)
    assert texts(reader.read(LABEL)) == ["T59-00001"]


def test_a_stopped_process_that_does_not_even_take_the_file_is_ended(reader: IsolatedReader) -> None:
    reader.read(LABEL)
    stopped = reader.process_id
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)

    reading = reader.read(b"\xff" * 5_000_000, timeout_seconds=0.3)

    assert code(reading) == "reader-timeout"
    assert texts(reader.read(LABEL)) == ["T59-00001"]


def test_a_death_in_the_middle_of_a_file_is_survived(reader: IsolatedReader) -> None:
    reader.read(LABEL)
    victim = reader.process_id
    assert victim is not None
    killer = threading.Timer(0.2, os.kill, (victim, signal.SIGKILL))
    killer.start()

    reading = reader.read(dreary_photo(), timeout_seconds=1.5, limits=Limits(ladder_seconds=0.0))
    killer.join()

    assert code(reading) in {None, "reader-timeout"}
    assert reader.process_id != victim
    assert texts(reader.read(LABEL)) == ["T59-00001"]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("import os; os.abort()", "reader-died"),
        ("import sys; sys.stdin.buffer.read(100)", "reader-died"),
        ("print('no reading')", "reader-died"),
        ("import sys; sys.stdout.buffer.write(b'\\xff' * 100)", "reader-died"),
        ("import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\x02{}')", "reader-died"),
        ("import time; time.sleep(60)", "reader-timeout"),
        ("import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\x09'); sys.stdout.flush(); import time; time.sleep(60)",
         "reader-timeout"),
    ],
    ids=["abort", "dies reading", "babbles", "too long", "no reading", "sleeps", "half an answer"],
)  # fmt: skip
def test_a_reader_gone_wrong_is_a_stated_fault(program: str, expected: str) -> None:
    broken = IsolatedReader((sys.executable, "-c", program))

    reading = broken.read(LABEL, timeout_seconds=1.0)

    assert code(reading) == expected
    assert broken.process_id is None


def test_a_reader_that_cannot_start_is_a_stated_fault(tmp_path: Path) -> None:
    missing = IsolatedReader((str(tmp_path / "python"),))

    assert code(missing.read(LABEL)) == "reader-unavailable"


def test_a_file_waits_its_turn_but_not_for_ever(reader: IsolatedReader) -> None:
    reader.read(LABEL)
    long_reading = threading.Thread(target=reader.read, args=(dreary_photo(),), kwargs={"timeout_seconds": 1.5})
    long_reading.start()
    time.sleep(0.2)

    impatient = reader.read(LABEL, timeout_seconds=0.2)
    patient = reader.read(LABEL, timeout_seconds=30.0)
    long_reading.join()

    assert code(impatient) == "reader-busy"
    assert texts(patient) == ["T59-00001"]


def test_a_file_beyond_the_limit_is_not_even_sent(reader: IsolatedReader) -> None:
    reading = reader.read(LABEL, limits=Limits(max_bytes=10))

    assert code(reading) == "file-too-large"
    assert reader.process_id is None


def test_the_process_knows_no_secret_and_is_bound(reader: IsolatedReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    reader.read(LABEL)

    watched = psutil.Process(reader.process_id)

    assert "DATABASE_URL" not in watched.environ()
    assert watched.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert watched.rlimit(psutil.RLIMIT_AS)[0] == 1_500_000_000


def test_the_process_ends_with_its_parent() -> None:
    program = (
        "import os, sys\n"
        "from scanners.readers.isolation import IsolatedReader\n"
        "reader = IsolatedReader(); reader.read(b'')\n"
        "print(reader.process_id, flush=True)\n"
        "os._exit(0)\n"
    )
    root = Path(process.__file__).resolve().parents[2]

    parent = subprocess.run(
        (sys.executable, "-c", program), cwd=root, capture_output=True, text=True, timeout=30, check=True
    )

    orphan = int(parent.stdout)
    deadline = time.monotonic() + 5
    while psutil.pid_exists(orphan) and psutil.Process(orphan).status() != "zombie" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == "zombie"


def test_after_a_fork_the_child_begins_its_own_process(reader: IsolatedReader) -> None:
    reader.read(LABEL)
    parents = reader.process_id
    receiving, sending = os.pipe()

    child = os.fork()
    if child == 0:  # pragma: no cover - the forked child
        reading = reader.read(LABEL)
        os.write(sending, f"{reader.process_id} {texts(reading)[0]}".encode())
        reader.close()
        os._exit(0)
    os.waitpid(child, 0)
    answer = os.read(receiving, 100).decode().split()

    assert answer[1] == "T59-00001"
    assert answer[0] != str(parents)
    assert texts(reader.read(LABEL)) == ["T59-00001"]
    assert reader.process_id == parents


def test_a_reading_passes_the_process_border_unchanged() -> None:
    symbol = Symbol("A\x1d\0é\udcff", "QRCode", None, "zbar", ((1, 2), (3, 4), (5, 6), (7, 8)), 3)
    reading = ImageReading((symbol,), Fault("too-many-pages", None, "…"), (symbol,), ("1x", "zbar"), ((10, 20),))

    assert exchange.read_answer(io.BytesIO(exchange.answer(reading))) == reading


def test_requests_are_served_until_the_program_is_gone() -> None:
    limits = Limits(max_pages=2)
    requests = io.BytesIO(exchange.request(LABEL, limits, 5.0) + exchange.request(b"", limits, 5.0) + b"\0")
    answers = io.BytesIO()

    process.serve(requests, answers)

    answers.seek(0)
    assert texts(exchange.read_answer(answers)) == ["T59-00001"]
    assert code(exchange.read_answer(answers)) == "file-empty"
    with pytest.raises(EOFError):
        exchange.read_answer(answers)
