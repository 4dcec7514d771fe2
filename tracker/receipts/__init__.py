"""The birth of units: one row for each physical unit, with its first movement and, where it is blocked, its hold.

Nouns: receipt (one unit to make). Regulation: CSP R.5212-38; events of TRE_R254.
"""
