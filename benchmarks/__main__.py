"""Runs the benchmark of the house and writes ``var/bench.json``: see benchmarks/README.md."""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.house import BENCH_DIRECTORY, House
from benchmarks.report import as_table, measure_all


def main() -> int:
    """Run everything and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="units stored before measuring")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each figure is measured")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    options = parser.parse_args()
    with House(rows=options.rows) as house:
        figures = measure_all(house, clients=options.clients, seconds=options.seconds)
        memory = house.memory()
    BENCH_DIRECTORY.mkdir(parents=True, exist_ok=True)
    Path("var/bench.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(as_table(figures))
    print("\nMemory of the server (proportional set size, MB): " + json.dumps(memory))
    return 0


if __name__ == "__main__":
    sys.exit(main())
