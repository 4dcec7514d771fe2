"""The register of derogations: lists of dated decisions, from which the status on any day is computed.

A *derogation* is the authorisation by ANSM to use, on French territory, a device without CE marking, in the interest of
health (Regulation (EU) 2017/745 art. 59, CSP L.5211-3 II; R.5211-19 for partial revisions). It covers a scope
(references or a written description), under conditions, until the end of a day in Paris, last day included.
Nouns: derogation, decision, scope, condition.
"""
