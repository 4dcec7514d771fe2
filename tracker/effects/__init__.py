"""What the end, the suspension or the withdrawal of a derogation touches, before and after it happens.

Nouns: simulation, effect. CSP L.5211-3 II: ANSM may suspend or withdraw, without delay if patients are at risk.
"""
