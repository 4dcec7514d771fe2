"""What ANSM's list of derogations says, read from its text: derogations, their last days, their references. Pure.

ANSM publishes its annual derogations for partial revisions (CSP R.5211-19) on a page, with annexes of references; there
is no form for machines. Nothing is guessed: what cannot be understood is an answer, with its text and the reason.
Nouns: reading, listed derogation, annex, misunderstood text.
"""
