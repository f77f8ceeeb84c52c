"""MACs over rows of the database, so that nobody without the key can write one that counts."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from audit_webhook.access.keys import AccessKey
from audit_webhook.storage.access_store import Session, Token

NO_MAC: Final = b""


class RowSigner:
    """Signs sessions and API tokens and checks what the database gives back.

    The MAC is HMAC-SHA-256 (RFC 2104) over every field that decides who somebody is and for how long, each with its
    length. What changes with use (``seen``, ``used``) and what is only shown (``peer``, ``label``) is left out.
    """

    def __init__(self, key: AccessKey) -> None:
        """Derive a key for each kind of row."""
        self._sessions: Final = key.derive("session row")
        self._tokens: Final = key.derive("API token row")

    def sign_session(self, session: Session) -> Session:
        """Return the session with its MAC."""
        return session._replace(mac=self._session_mac(session))

    def sign_token(self, token: Token) -> Token:
        """Return the API token with its MAC."""
        return token._replace(mac=self._token_mac(token))

    def has_signed_session(self, session: Session) -> bool:
        """Whether this program wrote the session as it stands."""
        return hmac.compare_digest(self._session_mac(session), session.mac)

    def has_signed_token(self, token: Token) -> bool:
        """Whether this program wrote the API token as it stands."""
        return hmac.compare_digest(self._token_mac(token), token.mac)

    def _session_mac(self, session: Session) -> bytes:
        return _mac(self._sessions, session.id, session.username, int(session.is_secure), session.made)

    def _token_mac(self, token: Token) -> bytes:
        return _mac(self._tokens, token.id, token.username, token.made, token.ends)


def _mac(key: bytes, *fields: bytes | str | int) -> bytes:
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for field in fields:
        content = field if isinstance(field, bytes) else str(field).encode("utf-8", "surrogatepass")
        mac.update(len(content).to_bytes(8, "big") + content)
    return mac.digest()
