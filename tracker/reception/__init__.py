"""Goods-in: deliveries opened, boxes scanned, verdicts with reasons, units made.

Nouns: reception, line, verdict, finding. Control at receipt: order of 8 September 2021; supply only after the
decision (ANSM, page for health professionals).
"""
