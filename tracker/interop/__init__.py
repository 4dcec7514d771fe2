"""Exchange with other hospital systems. Empty for now: the room is kept so that nothing else grows into it.

Nouns: resource, message, feed.
"""
