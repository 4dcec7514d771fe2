"""The recap of the elements used under an annual derogation, which the manufacturer owes ANSM at each anniversary.

The hospital tells the manufacturer what it used, by reference, lot and month, and never for whom. Nouns: recap
(*récapitulatif*), period, stretch. Source: ANSM, page for manufacturers of 06/03/2024, partial revisions.
"""
