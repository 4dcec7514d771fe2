"""The physical units of the catalogue's devices, with their movements and holds.

Nouns: device (one physical unit, *exemplaire*), movement (event of the French vocabulary TRE_R254), hold (*blocage*).
Sanitary traceability: CSP R.5212-36 to R.5212-42, order of 8 September 2021.
"""
