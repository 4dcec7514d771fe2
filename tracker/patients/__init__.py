"""Identity of patients: INS, IPP and traits, sealed at rest and found by keyed hash.

Nouns: patient, traits, INS (identité nationale de santé), IPP (identifiant permanent du patient). Rules: référentiel
national d'identitovigilance and the INS requirements (domain reference 5.1).
"""
