"""People, their roles, log-in sessions and API tokens.

Nouns: person, login session, token. Named accounts only, sessions kept on the server and revocable (PGSSI-S; domain
reference 6.2).
"""
