"""What takes a unit out of stock: non-conforming, returned, destroyed by two people, past its shelf life.

Nouns: disposition (*sortie*), destruction. Events NCO, SSD and PER of TRE_R254; loans that go back unused are
traced too (order of 8 September 2021, domain reference 3.3).
"""
