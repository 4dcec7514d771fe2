"""What passes between the program and its reader process: JSON, since who met a bad file is not to be trusted.

A message is its length in four bytes and that many bytes. A request is two messages, the conditions and the file; the
answer is one.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, BinaryIO

from scanners.readers.reading import Corners, ImageReading, Limits, Symbol
from scanners.result import Fault

_LENGTH = struct.Struct(">I")
# Thirty symbols are some ten kilobytes; a reader that sends more has lost its mind.
_LONGEST_ANSWER = 16_000_000


def _message(body: bytes) -> bytes:
    return _LENGTH.pack(len(body)) + body


def _read_exactly(stream: BinaryIO, length: int) -> bytes:
    body = stream.read(length)
    if len(body) < length:
        raise EOFError("the other side is gone")
    return body


def _read_message(stream: BinaryIO, longest: int | None = None) -> bytes:
    (length,) = _LENGTH.unpack(_read_exactly(stream, _LENGTH.size))
    if longest is not None and length > longest:
        raise ValueError(f"an answer of {length} bytes")
    return _read_exactly(stream, length)


def request(data: bytes, limits: Limits, seconds: float) -> bytes:
    """Return the request to read a file within limits and a time."""
    return _message(json.dumps({"limits": asdict(limits), "seconds": seconds}).encode()) + _message(data)


def read_request(stream: BinaryIO) -> tuple[bytes, Limits, float]:
    """Return the next request: the file, its limits, its time in seconds.

    Raises:
        EOFError: the program is gone.
    """
    conditions = json.loads(_read_message(stream))
    return _read_message(stream), Limits(**conditions["limits"]), float(conditions["seconds"])


def answer(reading: ImageReading) -> bytes:
    """Return the message that carries a reading."""
    return _message(json.dumps(asdict(reading)).encode())


def read_answer(stream: BinaryIO) -> ImageReading:
    """Return the next reading.

    Raises:
        EOFError: the reader process is gone.
        ValueError: it sent something else than a reading.
    """
    body = json.loads(_read_message(stream, _LONGEST_ANSWER))
    try:
        return ImageReading(
            symbols=tuple(map(_symbol, body["symbols"])),
            fault=None if body["fault"] is None else Fault(**body["fault"]),
            unconfirmed=tuple(map(_symbol, body["unconfirmed"])),
            passes=tuple(map(str, body["passes"])),
            page_sizes=tuple((int(width), int(height)) for width, height in body["page_sizes"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not a reading") from error


def _symbol(fields: Mapping[str, Any]) -> Symbol:
    return Symbol(**{**fields, "position": _corners(fields["position"])})


def _corners(points: Sequence[Sequence[int]]) -> Corners:
    first, second, third, fourth = ((int(x), int(y)) for x, y in points)
    return first, second, third, fourth
