"""The terms of a derogation as every room understands them: days of validity, scope, conditions.

Nouns: reference in a scope, condition, follow-up.
"""
