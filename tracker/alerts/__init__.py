"""Deadlines and warnings, and what each person has to do now.

Nouns: warning, threshold (days before the end of a derogation).
"""
