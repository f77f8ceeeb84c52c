"""TLS to MariaDB or MySQL, by the modes that MySQL's clients know (``--ssl-mode``)."""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Any, Final

from audit_webhook.config import Config

VERIFIED: Final = ("verify_ca", "verify_identity")


def mode_of(config: Config) -> str:
    """Return the mode in effect: with a CA, and nothing else set, certificate and name are verified.

    Without either setting TLS is used where the server offers it; nobody on the way is recognised that way.
    """
    return config.db_ssl_mode or ("verify_identity" if config.db_ssl_ca else "preferred")


def connection_arguments(config: Config) -> dict[str, Any]:
    """Return what PyMySQL is to be given; a mode above ``preferred`` never falls back to a connection without TLS."""
    mode = mode_of(config)
    if mode == "disabled":
        return {"ssl_disabled": True}
    return {} if mode == "preferred" else {"ssl": _context(config.db_ssl_ca, mode)}


@lru_cache(maxsize=8)
def _context(ca: str, mode: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca or None)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # MySQL's and MariaDB's own certificates lack what it asks for
    context.check_hostname = mode == "verify_identity"
    context.verify_mode = ssl.CERT_REQUIRED if mode in VERIFIED else ssl.CERT_NONE
    return context
