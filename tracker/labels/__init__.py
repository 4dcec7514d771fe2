"""Labels of units: what they say, their layouts, and the log of every print.

Nouns: label (*étiquette*), layout, print.
"""
