"""Establishments, their wards and the addresses that warnings go to.

Nouns: establishment (établissement de santé, FINESS), ward (service, bloc), recipient (destinataire).
"""
