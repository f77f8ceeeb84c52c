"""Keyed marks in the place of secrets: equal ones look equal, and without the key none can be found by trying.

An event's id comes from its bytes with the constant mask, so that no id helps to guess a secret, and a key that is set
or changed later makes no new event out of one that is sent again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable

from audit_webhook.events import lenient_json as tolerant

Mark = Callable[[bytes], bytes]
"""Gives the JSON that stands in the place of a value's JSON."""


def make_mark(key: str) -> Mark | None:
    """Give the function that marks with a key; None without one."""
    if not key:
        return None
    secret = hashlib.sha256(b"audit-webhook mark\0" + key.encode()).digest()
    return lambda value: b'"*** %b"' % hmac.new(secret, _plain(value), hashlib.sha256).hexdigest()[:16].encode()


def _plain(value: bytes) -> bytes:
    """Give the bytes behind a value, so that an entry of ``data`` and the same one of ``stringData`` are equal."""
    try:
        text = tolerant.loads(value)
    except tolerant.Undecodable:
        return value
    if not isinstance(text, str):
        return value
    plain = text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(plain, validate=True)
    except binascii.Error:
        return plain
