"""Read files in a process of their own: a decoder that hangs, dies or eats memory takes nobody along.

One reader process per web worker, begun with the first file and kept, since a start costs a third of a second and a
reading a few hundredths. Files are read one at a time. When the time is over, or the process dies, it is replaced: the
file that did it gets a fault, the next one is read as if nothing had happened. The process knows no secret (it gets an
empty environment), writes no file and ends with its parent. See docs/decisions/0014-reading-images.md.
"""

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Self, cast

from scanners.readers import exchange
from scanners.readers.reading import ImageReading, Limits
from scanners.result import Fault

DEFAULT_SECONDS = 15.0
_COMMAND = (sys.executable, "-m", "scanners.readers.process")
_ROOT = Path(__file__).resolve().parents[2]
# Native decoders leak now and then; a fresh process every thousand files costs nothing.
_FILES_PER_PROCESS = 1000
# A process that was ended from outside just now dies on an innocent file: that one gets a second try.
_TRIES = 2
_KEPT_VARIABLES = ("PATH", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT")


def _fault(code: str, detail: str) -> ImageReading:
    return ImageReading(fault=Fault(code, None, detail))


class _Watch:
    """Ends a process when the time is over, and remembers that it did."""

    def __init__(self, seconds: float, end: Callable[[], None]) -> None:
        self._end = end
        self._timer = threading.Timer(seconds, self._strike)
        self._timer.daemon = True
        self.struck = False

    def _strike(self) -> None:
        self.struck = True
        self._end()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._timer.cancel()
        self._timer.join()


class IsolatedReader:
    """A reader process and the means to replace it. Safe to share between the threads of one web worker."""

    def __init__(self, command: Sequence[str] = _COMMAND) -> None:
        self._command = tuple(command)
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._files = 0

    @property
    def process_id(self) -> int | None:
        """Return the reader process, None while there is none."""
        return None if self._process is None else self._process.pid

    def read(
        self, data: bytes, *, timeout_seconds: float = DEFAULT_SECONDS, limits: Limits | None = None
    ) -> ImageReading:
        """Read a picture or a PDF.

        Args:
            data: the file.
            timeout_seconds: after that the reader process is ended and replaced.
            limits: what the file may cost; the default limits when None.

        Returns:
            The symbols; fault ``reader-timeout``, ``reader-died`` or ``reader-busy`` when the process gave no answer.
        """
        limits = limits or Limits()
        if len(data) > limits.max_bytes:
            return _fault("file-too-large", f"the file has {len(data)} bytes, at most {limits.max_bytes} are read")
        if not self._turn.acquire(timeout=timeout_seconds):
            return _fault("reader-busy", "other files are being read; try again in a moment")
        try:
            return self._read(exchange.request(data, limits, timeout_seconds), timeout_seconds)
        except OSError as error:
            return _fault("reader-unavailable", f"no reader process could be started: {error}")
        finally:
            self._turn.release()

    def close(self) -> None:
        """End the reader process; the next file begins another."""
        with self._turn:
            self._end()

    def _read(self, request: bytes, timeout_seconds: float) -> ImageReading:
        for _try in range(_TRIES):
            process = self._ready()
            with _Watch(timeout_seconds, process.kill) as watch:
                answer = _exchanged(process, request)
            self._files += 1
            if watch.struck or answer is None:
                self._end()
            if answer is not None:
                return answer
            if watch.struck:
                return _fault("reader-timeout", f"the file could not be read within {timeout_seconds:g} seconds")
        return _fault("reader-died", "the file could not be read: it brought the reader down")

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner != os.getpid():
            self._process = None  # a fork: the process belongs to the parent
        if self._process is not None and (self._process.poll() is not None or self._files >= _FILES_PER_PROCESS):
            self._end()
        if self._process is None:
            environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=_ROOT,
                env=environment,
                start_new_session=True,  # Ctrl-C in a terminal is for the server, which ends us
            )
            self._owner, self._files = os.getpid(), 0
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close(pipe.close)
        process.wait()


def _close(close: Callable[[], None]) -> None:
    try:
        close()
    except OSError:
        return  # unsent bytes for a process that is gone


def _exchanged(process: subprocess.Popen[bytes], request: bytes) -> ImageReading | None:
    """Return the answer of the process, None when it died before it was complete."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(request)
        process.stdin.flush()
        return exchange.read_answer(cast("BinaryIO", process.stdout))
    except (OSError, EOFError, ValueError):
        return None


_reader = IsolatedReader()
atexit.register(_reader.close)


def read_isolated(
    data: bytes, *, timeout_seconds: float = DEFAULT_SECONDS, limits: Limits | None = None
) -> ImageReading:
    """Read a picture or a PDF in the reader process of this web worker; see ``IsolatedReader.read``.

    Returns:
        The symbols, or why there are none.
    """
    return _reader.read(data, timeout_seconds=timeout_seconds, limits=limits)
