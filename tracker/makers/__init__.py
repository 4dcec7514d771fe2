"""Manufacturers that are one under two names: the merge, which asks the register as well as the catalogue.

Noun: merge (*fusion*): a dated fact with its reason. Nothing that was decided, printed or sent is rewritten.
"""
