"""Frozen documents: what was printed, sent or uploaded, sealed, hashed and kept for ever.

Nouns: document. Evidence of a decision, a consent, a report (domain reference 6.5).
"""
