"""Reads what a person holds in front of the program: key strokes of a scanner, photos, camera frames, PDF pages.

A reader yields text and where it stood; what the text means is decided by ``scanners.scan``. Photos and PDFs from
outside are read in a process of their own (``isolation``), because a decoder that hangs or dies must not take the
server along.
"""

from scanners.readers.reading import ImageReading, Limits, Symbol

__all__ = ["ImageReading", "Limits", "Symbol"]
