"""Which devices a code may mean, and what the stock already knows of the same lot and serial number.

Nouns: probe (what is searched), candidate. It is asked before a unit is made, and when one is looked at in theatre.
"""
