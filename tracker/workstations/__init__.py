"""The calibrated barcode reader of a workstation: what it does to a text, and how that is undone.

Nouns: workstation (*poste*: one computer and its reader), calibration (*étalonnage*: what one scan of the printed sheet
showed, dated, never rewritten), profile (what the present calibration says). A browser remembers its workstation.
"""
