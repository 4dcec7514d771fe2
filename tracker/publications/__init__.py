"""The list of derogations that ANSM publishes: read, compared with the register, approved line by line.

Nouns: publication, entry, difference.
"""
