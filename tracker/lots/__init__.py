"""Whole lots that are blocked: the units on hand now, and those received later; the page of all that is blocked.

Nouns: lot hold (*blocage d'un lot*). Its cause is an incident, a recall or a pharmacist; who lifts it says why.
"""
