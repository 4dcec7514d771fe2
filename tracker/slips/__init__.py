"""The slip of a delivery (*bordereau de réception*): every box, what was decided and why, on paper.

Regulation: CSP R.5212-38; order of 8 September 2021 (control at receipt).
"""
