"""Incidents with devices under derogation, and their reports to ANSM and to the manufacturer.

Nouns: incident, report (déclaration). CSP L.5212-2, R.5212-14 to R.5212-22; for a device under
derogation any incident or risk of incident is declared (ANSM, page for health professionals).
"""
