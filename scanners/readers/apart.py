"""Read the words of a file in a process of its own: PDFium hangs, dies or eats memory without taking the worker along.

PDFium is not thread-safe either. The process knows no secret (it gets an empty environment), writes no file and ends
with its file. Files are rare here, so none is kept waiting as ``isolation`` keeps one.
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from scanners.readers.reading import Unreadable
from scanners.readers.writing import read_writing

DEFAULT_SECONDS = 120.0
_ROOT = Path(__file__).resolve().parents[2]
_KEPT_VARIABLES = ("PATH", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT")
_TEXT, _FAULT = b"text:", b"fault:"


def read_apart(
    data: bytes,
    *,
    filename: str = "",
    progress: Callable[[int, int], None] | None = None,
    timeout_seconds: float = DEFAULT_SECONDS,
) -> str:
    """Return the plain text of a file, as ``read_writing`` does.

    Raises:
        Unreadable: as there; ``reader-died`` when the process gave no answer in time.
    """
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as answer:
        given.write(data)
        given.seek(0)
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "scanners.readers.apart", filename],
            stdin=given,
            stdout=answer,
            stderr=subprocess.PIPE,
            cwd=_ROOT,
            env=environment,
        )
        watch = threading.Timer(timeout_seconds, process.kill)
        watch.start()
        try:
            _tell(process, progress)
        finally:
            watch.cancel()
        answer.seek(0)
        return _answered(answer.read())


def _tell(process: subprocess.Popen[bytes], progress: Callable[[int, int], None] | None) -> None:
    """Pass on how far the process is, until it ends; end it where that cannot be told."""
    with process:
        try:
            for line in process.stderr or ():
                done = line.split()
                if progress and len(done) == len(("read", "of")) and all(part.isdigit() for part in done):
                    progress(int(done[0]), int(done[1]))
        except BaseException:
            process.kill()
            raise


def _answered(answer: bytes) -> str:
    if answer.startswith(_TEXT):
        return answer.removeprefix(_TEXT).decode()
    if answer.startswith(_FAULT):
        code, _, detail = answer.removeprefix(_FAULT).decode().partition(" ")
        raise Unreadable(code, detail)
    raise Unreadable("reader-died", "the file could not be read: it brought the reader down, or took too long")


def _main() -> None:
    def tell(read: int, of: int) -> None:
        sys.stderr.write(f"{read} {of}\n")
        sys.stderr.flush()

    try:
        text = read_writing(sys.stdin.buffer.read(), filename=sys.argv[1], progress=tell)
        sys.stdout.buffer.write(_TEXT + text.encode(errors="replace"))
    except Unreadable as error:
        sys.stdout.buffer.write(_FAULT + f"{error.fault.code} {error.fault.detail}".encode())


if __name__ == "__main__":
    _main()
