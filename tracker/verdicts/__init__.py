"""The verdict on one box or one device: what is known of it, and what the rules make of that.

Nouns: box (what was presented), facts, verdict, assessment (a verdict with what it was found on). Regulation: MDR
art. 59; CSP L.5211-3, R.5211-19, R.5212-38; order of 8 September 2021.
"""
