"""What could not be identified at goods-in, kept with its photo until somebody works it off.

Nouns: item, tray (*bac « à identifier »*).
"""
