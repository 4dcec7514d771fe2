"""What became of a unit in theatre and afterwards: opened and not implanted, implanted, taken out again.

Nouns: failure (*échec de pose*, event ECH), explantation. CSP R.5212-37 to R.5212-42; CI-SIS "Traçabilité des DMI".
"""
