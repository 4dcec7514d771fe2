"""What could not be identified at goods-in, kept with its photo until somebody works it off.

Nouns: item (*boîte mise de côté*: one physical box, where it lies, what could be read of it), tray (*bac « à
identifier »*: the items that wait), outcome (what became of an item). A box without identity is no unit: it is neither
in stock nor usable (order of 8 September 2021: each device is identified at receipt).
"""
