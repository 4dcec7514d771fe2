"""To a ward or theatre and back, unit after unit, by scan.

Nouns: delivery (*délivrance*, CSP R.5212-38), return (*retour*). A unit goes only while a derogation in force covers
it; its movements are those of ``devices``.
"""
