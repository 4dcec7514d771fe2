"""Information and consent of patients before a device without CE marking is used.

Nouns: notice (version of the information), consent event (informed, obtained, refused, withdrawn, emergency). CSP
L.1111-2 and L.1111-4; ANSM asks for clear prior information and consent.
"""
