"""Requests for a derogation: the file that the hospital prepares for the market operator, until ANSM has decided.

The operator files with ANSM, never the hospital (ANSM, page for health professionals, 19/03/2025); the clinician gives
the justification. Nouns: request, file (its contents), point, dossier (the frozen PDF for the operator).
"""
