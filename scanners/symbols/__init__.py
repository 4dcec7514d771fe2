"""Writes the symbols of labels: SVG to print, PNG to show or to read back.

One module per symbology: ``code128`` (our unit and location labels), ``datamatrix``, ``gs1_128``, ``qr`` (GS1 Digital
Link). Each has ``svg`` and ``png``; sizes are in millimetres, quiet zones are part of the drawing, and the same text
always gives the same bytes. A text that a symbology cannot carry raises ``SymbolRefused``.

>>> from scanners.symbols import datamatrix
>>> datamatrix.svg("(01)03700000000013(10)A1").startswith("<svg ")
True
"""

from scanners.symbols.pattern import SymbolRefused

__all__ = ["SymbolRefused"]
