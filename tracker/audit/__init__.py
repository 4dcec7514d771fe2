"""The trail: who did what, when, to what; appended, chained per establishment, never rewritten.

Nouns: entry, head, chain. The attack model is in docs/decisions/0004. French hospitals must be able to account for each
act on health data (PGSSI-S, imputabilité; domain reference 6.2 and 6.5).
"""
