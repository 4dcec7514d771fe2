"""The life of what stays in place: software and its versions, equipment and where it stands, photos of a unit.

Nouns: update (*mise à jour*), place (*emplacement*), photo. Regulation: MDR annex VI, part C, 6.5 (the version
of software is its production identifier) and MDCG 2018-5; MDR art. 59; CSP L.5211-3 II, R.5212-28.
"""
