"""A use that was entered wrongly: its details corrected, or taken back and its unit given back.

Nouns: amendment (*rectification*), withdrawal (*annulation*). A correction is a new dated fact that names the record it
corrects; the wrong record stays for ever (design, decision 5). CSP R.5212-39, R.5212-40.
"""
