"""The end of a delivery: what came against what was announced, the rest that is awaited, what goes back unused.

Nouns: tally (expected, received, missing, too many), rest, loan and consignment (*prêt*, *dépôt*).
"""
