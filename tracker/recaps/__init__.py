"""The yearly recap of the elements used, which the manufacturer sends to ANSM at each anniversary.

Nouns: recap (*bilan annuel*), period. Source: ANSM, partial revisions, page for manufacturers of 06/03/2024.
"""
