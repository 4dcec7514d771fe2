"""Device definitions, their manufacturers, and the physical units with their movements and holds.

Nouns: definition (UDI-DI level), device (one physical unit, *exemplaire*), movement (event of the French vocabulary
TRE_R254), hold (*blocage*). Sanitary traceability: CSP R.5212-36 to R.5212-42, order of 8 September 2021.
"""
