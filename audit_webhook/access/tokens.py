"""Tokens that a page carries and gives back: encrypted, and worth something to one reader and for one purpose only.

A token is ``urlsafe_base64(nonce | AES-256-GCM ciphertext)`` (NIST SP 800-38D). Its text is padded to a multiple of 256
bytes before it is encrypted, so that neither content nor length says anything about what others do.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit_webhook.access.keys import AccessKey
from audit_webhook.errors import InvalidParameter

BLOCK: Final = 256
LONGEST: Final = 64 * 1024
_NONCE: Final = 12
_TIME: Final = 8
INVALID: Final = "This page is out of date. Load it again."


class TokenSealer:
    """Seals and opens tokens of one purpose."""

    def __init__(self, key: AccessKey, purpose: str, lifetime: int) -> None:
        """Use a key of the purpose's own; a token is valid for ``lifetime`` microseconds."""
        self._cipher: Final = AESGCM(key.derive(purpose))
        self._lifetime: Final = lifetime

    def seal(self, reader: str, text: str, now: int) -> str:
        """Return a token that gives this text back to this reader; ``now`` is in microseconds."""
        plain = now.to_bytes(_TIME, "big") + text.encode()
        padded = plain + b"\0" * (-len(plain) % BLOCK)
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, padded, reader.encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, reader: str, token: str, now: int) -> str:
        """Return the text of a token; raises InvalidParameter for one that is forged, another reader's or too old."""
        try:
            content = base64.urlsafe_b64decode(token[:LONGEST].encode("ascii") + b"=" * (-len(token) % 4))
            plain = self._cipher.decrypt(content[:_NONCE], content[_NONCE:], reader.encode())
        except (ValueError, binascii.Error, InvalidTag) as error:
            raise InvalidParameter(INVALID) from error
        if not 0 <= now - int.from_bytes(plain[:_TIME], "big") + CLOCK_SLACK <= self._lifetime + CLOCK_SLACK:
            raise InvalidParameter(INVALID)
        return plain[_TIME:].rstrip(b"\0").decode()


CLOCK_SLACK: Final = 60 * 1_000_000
"""Replicas' clocks differ: a token may seem to come from a minute ahead."""
