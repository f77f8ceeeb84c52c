"""Where a request comes from: the only place that reads the headers of proxies, and only those of trusted ones."""

from __future__ import annotations

from flask import current_app, request

from audit_webhook import client_address as addresses
from audit_webhook.wiring import wiring


def client_address() -> str:
    """Return the address of whoever sent the current request; of the proxy itself when it is not a trusted one.

    What concerns the proxy, such as whether it may name a user, goes by ``request.remote_addr``.
    """
    trusted = wiring(current_app).config.trusted_proxies
    return addresses.find_client_address(
        request.remote_addr or "", request.headers.get("X-Forwarded-For", ""), trusted
    )
