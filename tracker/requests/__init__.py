"""The file of a request for a derogation, from the clinician to the operator who files it with ANSM.

Nouns: request (*demande*), dossier, route. The hospital never files itself: ANSM, page for professionals, 19/03/2025.
"""
