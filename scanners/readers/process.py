"""The reader process, ``python -m scanners.readers.process``: requests on its input, readings on its output.

It binds itself before it opens a file: limited memory, and no core file, which would hold a patient's papers.
"""

import math
import os
import resource
import signal
import sys
from typing import BinaryIO

from scanners.readers import exchange
from scanners.readers.file import read_file
from scanners.readers.reading import ImageReading
from scanners.result import Fault

# A 60 megapixel picture in colour takes 240 MB, and its grey copies as much again.
_MEMORY_BYTES = 1_500_000_000
# The program ends a reader that hangs. Should the program be gone by then, the alarm clock does.
_GRACE_SECONDS = 2


def bind() -> None:  # pragma: no cover - binds the process that calls it; seen from outside in the tests
    """Give up what a decoder does not need."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Read file after file until the program closes its side."""
    while True:
        try:
            data, limits, seconds = exchange.read_request(requests)
        except EOFError:
            return
        signal.alarm(math.ceil(seconds) + _GRACE_SECONDS)
        try:
            reading = read_file(data, limits=limits)
        except MemoryError:
            reading = ImageReading(fault=Fault("image-too-large", None, "the file needs more memory than is allowed"))
        signal.alarm(0)
        answers.write(exchange.answer(reading))
        answers.flush()


def main() -> None:  # pragma: no cover - runs in the reader process only
    """Serve requests, with nothing but readings on the output."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints must not garble the answers
    bind()
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":  # pragma: no cover - see main
    main()
