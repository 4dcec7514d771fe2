"""The calibrated barcode reader of a workstation: what it does to a text, and how that is undone.

Nouns: workstation (*poste*), profile, calibration.
"""
