"""The use log: the gate before a device is used, the use itself, the documents for the patient.

Nouns: use, gate, partial revision (reprise partielle). CSP R.5212-39, R.5212-40, R.5212-42; MDR art. 18.
"""
