"""One derogation as people see it: its page, and the forms that add decisions, names and readings, with effect at once.

Nouns: those of ``derogations``, whose acts these are. A decision that stops a derogation, or lets it go again, is
recorded with its effect on the units (``effects``) in one transaction: so this room stands above both.
"""
