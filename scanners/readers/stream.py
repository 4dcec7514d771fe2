r"""Scanners on a serial line, on USB as a serial port, or on the network: a stream of bytes, cut into scans.

The scanner ends each scan with CR, LF or both, the suffix every maker offers. Nothing else is removed: separators
(ASCII 29 and 30) and trailing spaces belong to the label.

>>> list(scans([b"0103700000000013", b"10A1\x1d2177\r\n+H999TRK60 \r", b"\n"]))
['010370000000001310A1\x1d2177', '+H999TRK60 ']
"""

import re
import socket
from collections.abc import Iterable, Iterator

try:
    import serial  # type: ignore[import-untyped,import-not-found,unused-ignore]  # without types, often not installed
except ImportError:  # pragma: no cover - only needed where a scanner hangs on a serial port
    serial = None

# scanners.scan reads no more; what is longer is a scanner gone mad or another machine on its line.
LONGEST_SCAN_BYTES = 4096
_ENDS = re.compile(rb"[\r\n]+")
_CHUNK_BYTES = 4096
_CONNECT_SECONDS = 10.0


class ReaderUnavailable(OSError):
    """The scanner cannot be reached: no such port, nobody listening, or pyserial is not installed."""


def scans(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the scans of a stream; what is too long, or not finished when the stream ends, is dropped.

    Args:
        chunks: bytes as they arrive; an empty chunk means that nothing came for a while.

    Yields:
        One text per scan: UTF-8, or Latin-1 where it is not.
    """
    pending, overlong = b"", False
    for chunk in chunks:
        *complete, pending = _ENDS.split(pending + chunk)
        for scan in complete:
            if scan and not overlong and len(scan) <= LONGEST_SCAN_BYTES:
                yield _decoded(scan)
            overlong = False
        if len(pending) > LONGEST_SCAN_BYTES:
            pending, overlong = b"", True


def _decoded(scan: bytes) -> str:
    try:
        return scan.decode()
    except UnicodeDecodeError:
        return scan.decode("latin-1")


def network_chunks(host: str, port: int) -> Iterator[bytes]:
    """Yield what a scanner with a network socket sends, until it closes the connection.

    Raises:
        ReaderUnavailable: nobody answers at that address.
    """
    try:
        connection = socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
    except OSError as error:
        raise ReaderUnavailable(f"no scanner answers at {host}:{port}: {error}") from error
    with connection:
        connection.settimeout(None)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        while chunk := connection.recv(_CHUNK_BYTES):
            yield chunk


def serial_chunks(port: str, *, baud_rate: int) -> Iterator[bytes]:
    """Yield what a scanner on a serial port sends; never ends by itself.

    Raises:
        ReaderUnavailable: pyserial is missing, or there is no such port.
    """
    if serial is None:
        raise ReaderUnavailable("a scanner on a serial port needs the package pyserial")
    try:
        line = serial.Serial(port, baud_rate, timeout=1.0)
    except serial.SerialException as error:
        raise ReaderUnavailable(f"no scanner on {port}: {error}") from error
    with line:
        while True:
            yield line.read(line.in_waiting or 1)
