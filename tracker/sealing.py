"""Encryption of personal data at rest, and keyed hashes to find it again.

Traits of patients, and documents that carry them, are sealed with AES-256-GCM (NIST SP 800-38D) under a key that never
enters the database. A sealed value is ``version (1) | key id (4, big-endian) | nonce (12) | ciphertext and tag (16)``;
its *context* (table, column, row) is authenticated, so a value moved to another row does not open. Look-up uses
HMAC-SHA-256 over a normalised value: equal values are found, and nothing can be read back without the key.
"""

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = 1
_NONCE_BYTES = 12  # NIST SP 800-38D section 8.2.1: 96-bit initialisation vector
_HEADER_BYTES = 5


class UnsealFailed(Exception):
    """A sealed value is broken, was moved to another row, or its key is not in the ring."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one installation. ``data_keys`` maps an id to 32 bytes; new values use ``current_key_id``."""

    data_keys: Mapping[int, bytes]
    current_key_id: int
    lookup_key: bytes

    def __repr__(self) -> str:
        return f"KeyRing(ids={sorted(self.data_keys)}, current={self.current_key_id})"

    def seal(self, plaintext: bytes, *, context: str) -> bytes:
        """Return the sealed form of ``plaintext``, bound to ``context`` (``"patient.traits:<id>"``)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = AESGCM(self.data_keys[self.current_key_id])
        header = bytes([_VERSION]) + self.current_key_id.to_bytes(4, "big")
        return header + nonce + cipher.encrypt(nonce, plaintext, header + context.encode())

    def unseal(self, sealed: bytes, *, context: str) -> bytes:
        """Return what was sealed.

        Raises:
            UnsealFailed: the value was altered, belongs to another context, or its key is missing.
        """
        header, nonce = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
        if len(nonce) < _NONCE_BYTES:
            raise UnsealFailed(f"a value of {context} was cut")
        key = self.data_keys.get(int.from_bytes(header[1:], "big"))
        if key is None or header[:1] != bytes([_VERSION]):
            raise UnsealFailed(f"no key for this value of {context}")
        try:
            return AESGCM(key).decrypt(nonce, sealed[_HEADER_BYTES + _NONCE_BYTES :], header + context.encode())
        except InvalidTag as error:
            raise UnsealFailed(f"a value of {context} was altered or moved") from error

    def lookup(self, purpose: str, *parts: str) -> bytes:
        """Return the 32-byte keyed hash under which a value is found. ``purpose`` keeps equal values apart."""
        message = "\x1f".join([purpose, *(normalise(part) for part in parts)])
        return hmac.digest(self.lookup_key, message.encode(), hashlib.sha256)


def normalise(text: str) -> str:
    """Return upper case without accents or doubled spaces, as the French identity rules (RNIV) compare names.

    >>> normalise("  Zoé  d'Été ")
    "ZOE D'ETE"
    """
    decomposed = unicodedata.normalize("NFD", text.replace("\u2019", "'"))
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).upper().split())
