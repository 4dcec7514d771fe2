"""To a ward or theatre and back, unit after unit, by scan.

Nouns: delivery (*délivrance*, CSP R.5212-38), return (*retour*). The acts on one unit are those of ``devices``; this
room knows which unit a scan names and what the bench shows.
"""
