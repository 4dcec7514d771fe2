"""Deliveries (*réceptions*) as they are announced and as they look when they arrive, before any box is judged.

Nouns: reception (one delivery at the goods-in bench), expected line, arrival conditions, clinician's written reason.
"Delivery" is the sentence's word here; a delivery to a ward (*délivrance*) is an event of ``devices``.
"""
