"""Recalls by lot: which patients carry it, where every other unit of it is, and the block of the whole lot.

Nouns: recall (rappel), carrier (porteur). The lot is searched as it is written on the box.
"""
