"""What a derogation covers and under what conditions, as values that every room understands.

Nouns: reference in a scope, condition.
"""
