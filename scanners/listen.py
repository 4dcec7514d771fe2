"""``python -m scanners listen``: carries the scans of a serial or network scanner to the program's API.

For scanners that do not type like a keyboard: no layout, Caps Lock or lost separator can come between. Each scan is on
the disk before it is sent and stays there until the server has acknowledged it; order is kept, a scan that is sent
twice is known again by its identity. A patient's label is sent at once or dropped, never written to the disk.
"""

import argparse
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TextIO
from uuid import UUID

from scanners.readers.delivery import Answer, Destination, InsecureAddress, Outcome, send
from scanners.readers.spool import Spool, new_scan
from scanners.readers.stream import network_chunks, scans, serial_chunks
from scanners.udi.ins import is_patient_label

TOKEN_VARIABLE = "TRACE59_TOKEN"  # noqa: S105 - the name of the variable, not a token
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(slots=True)
class Listener:
    """One scanner, one server, and the folder between them."""

    source: Callable[[], Iterable[bytes]]
    """Opens the line to the scanner; called again when it breaks."""
    destination: Destination
    spool: Spool
    out: TextIO
    first_pause_seconds: float = _FIRST_PAUSE_SECONDS
    stopped: threading.Event = field(default_factory=threading.Event)
    _arrived: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Listen and deliver until ``stop``."""
        delivery = threading.Thread(target=self._deliver, daemon=True)
        delivery.start()
        while not self.stopped.is_set():
            try:
                for raw in scans(self.source()):
                    self._take(raw)
                self._say("the scanner closed the connection")
            except OSError as error:
                self._say(str(error))
            self.stopped.wait(self.first_pause_seconds)
        delivery.join()

    def stop(self) -> None:
        """End after the scan under way."""
        self.stopped.set()
        self._arrived.set()

    def _take(self, raw: str) -> None:
        scan = new_scan(raw)
        if is_patient_label(raw):
            answer = send(scan, self.destination)
            self._say(f"a patient's label: {answer.outcome.value}, not kept")
            return
        self.spool.keep(scan)
        self._arrived.set()

    def _deliver(self) -> None:
        pause = self.first_pause_seconds
        while not self.stopped.is_set():
            self._arrived.clear()
            if self._deliver_waiting():
                pause = self.first_pause_seconds
                self._arrived.wait()
            else:
                self.stopped.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _deliver_waiting(self) -> bool:
        """Return whether everything that waited has found its place."""
        for scan in self.spool.waiting():
            answer = send(scan, self.destination)
            self._say(f"{scan.scan_id} {answer.outcome.value}{_reason(answer)}")
            if answer.outcome is Outcome.NOT_NOW:
                return False
            if answer.outcome is Outcome.REFUSED:
                self.spool.refuse(scan, answer.detail)
            else:
                self.spool.acknowledge(scan)
        return True

    def _say(self, sentence: str) -> None:
        print(sentence, file=self.out, flush=True)


def _reason(answer: Answer) -> str:
    return "" if answer.outcome is Outcome.ACKNOWLEDGED else f" ({answer.detail})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scanners listen",
        description="Carry the scans of a serial or network scanner to the program.",
        epilog=f"The token of an API account is read from the variable {TOKEN_VARIABLE} or from --token-file.",
    )
    line = parser.add_mutually_exclusive_group(required=True)
    line.add_argument("--serial", metavar="PORT", help="serial port, such as /dev/ttyACM0 or COM3 (needs pyserial)")
    line.add_argument("--tcp", metavar="HOST:PORT", help="address of a scanner on the network")
    parser.add_argument("--baud-rate", type=int, default=9600, help="speed of the serial port (default 9600)")
    parser.add_argument(
        "--url", required=True, help="where scans go, such as https://hospital.example/api/v1/receptions/<id>/lines"
    )
    parser.add_argument(
        "--workstation", type=UUID, metavar="ID", help="workstation whose calibration the scans are read by"
    )
    parser.add_argument("--token-file", type=Path, help="file that holds the token")
    parser.add_argument(
        "--spool", type=Path, default=Path("scans-to-send"), help="folder of unsent scans (default scans-to-send)"
    )
    return parser


def _source(arguments: argparse.Namespace) -> Callable[[], Iterable[bytes]]:
    if arguments.serial:
        return partial(serial_chunks, arguments.serial, baud_rate=arguments.baud_rate)
    host, _colon, port = arguments.tcp.rpartition(":")
    return partial(network_chunks, host.strip("[]"), int(port))


def listen_command(words: Sequence[str], out: TextIO) -> int:
    """Listen until interrupted.

    Args:
        words: the command line after ``listen``.
        out: one line per scan that was sent, without its content.

    Returns:
        The exit status: 0 after Ctrl-C, 2 for wrong usage.
    """
    parser = _parser()
    arguments = parser.parse_args(words)
    try:
        token = arguments.token_file.read_text().strip() if arguments.token_file else os.environ[TOKEN_VARIABLE]
        destination = Destination(arguments.url, token, arguments.workstation and str(arguments.workstation))
        source = _source(arguments)
    except KeyError:
        parser.error(f"no token: set {TOKEN_VARIABLE} or give --token-file")
    except InsecureAddress as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"the token cannot be read: {error}")
    except ValueError:
        parser.error("--tcp takes HOST:PORT")
    listener = Listener(source, destination, Spool(arguments.spool), out)
    try:
        listener.run()
    except KeyboardInterrupt:
        listener.stop()
    return 0
