"""The command line: ``python -m scanners parse``, ``read`` and ``listen`` (``scanners.listen``).

The first two stream one JSON object per line and end with 0 even where a line or a file is bad; 2 is wrong usage. The
profile of the scanner that made the lines is not known here, so a text without separators that can be cut in several
ways is ambiguous, unless ``--separators-known`` says that GS (ASCII 29) is passed on (docs/decisions/0007).
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import BinaryIO, TextIO

from scanners.as_json import fault_as_json, scan_as_json
from scanners.listen import listen_command
from scanners.readers.isolation import IsolatedReader
from scanners.readers.reading import ImageReading, Symbol
from scanners.recognition import scan
from scanners.result import Fault, Scan, Status

WRONG_USAGE = 2
_LISTEN = "listen"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; argparse ends the program with 2 on wrong usage."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == [_LISTEN]:
        return listen_command(words[1:], sys.stdout)
    options = _parser().parse_args(words)
    try:
        return _run(options)
    except BrokenPipeError:  # whoever reads the answers has enough of them (``… | head``)
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the flush at the end of Python
        return 0


def _run(options: argparse.Namespace) -> int:
    day = options.reference_date or date.today()  # noqa: DTZ011, TID251 - an entry of its own, like tracker/clock.py
    if options.command == "parse":
        return parse_lines(sys.stdin.buffer, sys.stdout, day, separators_known=options.separators_known)
    return read_files(options.files, sys.stdout, day)


def parse_lines(lines: BinaryIO, output: TextIO, day: date, *, separators_known: bool = False) -> int:
    """Write what each line is, one JSON object a line."""
    for line in iter(lines.readline, b""):
        found = _parse_line(line.removesuffix(b"\n").removesuffix(b"\r"), day, separators_known=separators_known)
        _write(output, scan_as_json(found))
    return 0


def read_files(files: Iterable[str], output: TextIO, day: date) -> int:
    """Write the symbols of each file, one JSON object a file."""
    with closing(IsolatedReader()) as reader:
        for name in files:
            _write(output, _file_as_json(name, _read_file(reader, name), day))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scanners", description="Read the labels of medical devices.")
    commands = parser.add_subparsers(dest="command", required=True)
    parse = commands.add_parser("parse", help="read texts, one a line, from standard input")
    parse.add_argument(
        "--separators-known",
        action="store_true",
        help="the scanner passes GS (ASCII 29) on: never take a text without it for ambiguous",
    )
    read = commands.add_parser("read", help="read pictures and PDFs")
    read.add_argument("files", nargs="+", metavar="FILE")
    commands.add_parser(_LISTEN, help="carry the scans of a serial or network scanner to the program", add_help=False)
    for command in (parse, read):
        command.add_argument(
            "--reference-date",
            type=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="day against which two-digit years are read; today when not given",
        )
    return parser


def _parse_line(line: bytes, day: date, *, separators_known: bool) -> Scan:
    raw: str | bytes = line
    if line.startswith(b'"'):
        try:
            raw = json.loads(line)
        except ValueError as error:
            text = line.decode("utf-8", "replace")
            detail = f"a line that begins with a quotation mark is a JSON string: {error}"
            return Scan(text, Status.INVALID, fault=Fault("json", getattr(error, "pos", None), detail))
    return scan(raw, reference_date=day, group_separator_known=separators_known)


def _read_file(reader: IsolatedReader, name: str) -> ImageReading:
    try:
        data = Path(name).read_bytes()
    except (OSError, ValueError) as error:
        return ImageReading(fault=Fault("file-unreadable", None, f"the file cannot be opened: {error}"))
    return reader.read(data)


def _file_as_json(name: str, reading: ImageReading, day: date) -> dict[str, object]:
    return {
        "file": name,
        "symbols": [_symbol_as_json(symbol, day) for symbol in reading.symbols],
        "error": fault_as_json(reading.fault),
    }


def _symbol_as_json(symbol: Symbol, day: date) -> dict[str, object]:
    """Return a symbol with its scan; a decoder passes every separator on. Nothing of a patient's label is written."""
    found = scan(symbol.wedge_text, reference_date=day, group_separator_known=True)
    return {
        "text": "" if found.status is Status.PATIENT else symbol.text,
        "format": symbol.format,
        "symbology": symbol.symbology,
        "reader": symbol.reader,
        "position": [list(corner) for corner in symbol.position],
        "scan": scan_as_json(found),
    }


def _write(output: TextIO, value: dict[str, object]) -> None:
    output.write(json.dumps(value) + "\n")
    output.flush()
