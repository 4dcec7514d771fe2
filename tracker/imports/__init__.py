"""The catalogue read from a file: looked at first, then taken over line by line by the worker, with its progress shown.

Nouns: import, line. A line adds a device, completes one that is known, or is rejected with its reason; an empty cell
erases nothing.
"""
