"""Messages to the outside: written with their cause, delivered by a job, at least once, never silently lost.

Nouns: message, attempt (docs/decisions/0006).
"""
