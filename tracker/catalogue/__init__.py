"""Device definitions, their manufacturers and the codes under which they are found.

Nouns: definition (UDI-DI level), manufacturer (MDR art. 2(30)), identifier.
"""
