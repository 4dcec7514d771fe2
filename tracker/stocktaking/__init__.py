"""Counting what stands on a shelf by scanning it, and settling the differences.

Nouns: count (*inventaire*), difference.
"""
