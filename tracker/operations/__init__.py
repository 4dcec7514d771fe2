"""Operations planned for patients with a device under derogation.

Nouns: planned operation (*opération prévue*), outlook: what the derogation is worth on the day of the operation.
"""
