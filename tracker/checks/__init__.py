"""A device checked: what was scanned or photographed is read and judged, and nothing is written.

Nouns: check (*contrôle*), scan, verdict. Goods-in reads its boxes by the same means.
"""
