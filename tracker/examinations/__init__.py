"""Examinations that a derogation requires after a use, until each is done or given up.

Nouns: examination (*examen de suivi*): one, due on a day; outcome: the dated fact of what became of it.
Regulation (EU) 2017/745 art. 59 lets the authority attach conditions; clinical follow-up is one that ANSM states.
"""
