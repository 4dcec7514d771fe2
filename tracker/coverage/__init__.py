"""What the register of derogations says of a manufacturer's reference on a day: the question that goods-in and use ask.

Nouns: coverage (*couverture*). Regulation: MDR art. 59; CSP L.5211-3 II.
"""
