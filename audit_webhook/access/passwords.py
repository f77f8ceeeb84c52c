"""Passwords as they are kept: salted and stretched by scrypt (RFC 7914), with the costs beside the hash."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

SHORTEST: Final = 12
LONGEST: Final = 1024
COST: Final = 2**14
BLOCK: Final = 8
LANES: Final = 5
"""16 MiB of memory and five passes: one of the settings that OWASP's cheat sheet on storing passwords calls equal."""
_MEMORY: Final = 64 * 1024**2


def hash_password(password: str) -> str:
    """Give what is kept of a password; ValueError when it is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"a password has {SHORTEST} to {LONGEST} characters")
    salt = secrets.token_bytes(16)
    parts = (COST, BLOCK, LANES, _encode(salt), _encode(_stretch(password, salt, COST, BLOCK, LANES)))
    return "$".join(("scrypt", *map(str, parts)))


def is_password(password: str, kept: str) -> bool:
    """Whether this is the password; takes as long for a name that is unknown, for which `UNKNOWN` is kept."""
    try:
        scheme, cost, block, lanes, salt, expected = kept.split("$")
        given = _stretch(password[:LONGEST + 1], base64.b64decode(salt), int(cost), int(block), int(lanes))
        return scheme == "scrypt" and hmac.compare_digest(given, base64.b64decode(expected))
    except ValueError:
        return False


def _stretch(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    text = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=cost, r=block, p=lanes, maxmem=_MEMORY, dklen=32)


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode()


UNKNOWN: Final = f"scrypt${COST}${BLOCK}${LANES}${_encode(bytes(16))}${_encode(bytes(32))}"
