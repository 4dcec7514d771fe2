"""Everything that happened to one unit, in one order: what each room below knows of it, read and never written.

Nouns: entry (*événement*). Regulation: CSP R.5212-37 to R.5212-42 (the chain from receipt to use); MDR art. 59.
"""
