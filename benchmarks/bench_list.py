"""Measure the reading of ANSM's list: the page of March 2024, and the same in a PDF of over three hundred pages.

Run ``python -m benchmarks.bench_list``; the aims are one second and twenty seconds of CPU.
"""

import sys
import time
from collections.abc import Callable

from scanners.readers.writing import read_writing
from tests import lists
from tracker.ansm.rules import read_list


def seconds_of(content: bytes, filename: str) -> float:
    """Return the CPU time of one reading."""
    start = time.process_time()
    read_list(read_writing(content, filename=filename))
    return time.process_time() - start


def main() -> int:
    """Print the best of three readings of each."""
    makers: dict[str, Callable[[], bytes]] = {
        "page.txt": lists.ANSM_LIST.read_bytes,
        "page.pdf": lambda: lists.as_pdf(height="29cm", filler=540),
    }
    for filename, make in makers.items():
        content = make()
        best = min(seconds_of(content, filename) for _turn in range(3))
        print(f"{filename}: {len(content) / 1000:.0f} kB, {best:.2f} s of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
