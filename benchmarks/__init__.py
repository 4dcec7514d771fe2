"""Measures over real HTTP, against the floor of the same machine. ``python -m benchmarks --rows 10000``."""
