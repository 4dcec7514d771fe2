"""What becomes of an incident once it was reported: acknowledgements, answers, complements, the device, the closing.

Nouns: step (*étape du suivi*), acknowledgement (*accusé de réception*), complement (*complément*), closing (*clôture*).
A complement needs ANSM's reference (domain reference 2.5); the device is kept for expertise (2.2).
"""
