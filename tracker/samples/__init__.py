"""Barcodes to try (*codes-barres d'essai*): what the demonstration lets a newcomer scan from the screen.

Nouns: sample. All of it is fictional; an installation in production has none.
"""
