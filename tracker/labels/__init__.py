"""Labels of units: what they say, the papers they are printed on, and the log of every print.

Nouns: label (*étiquette*), format, print job (*impression*), reprint (*réimpression*).
"""
