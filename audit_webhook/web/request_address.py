"""Where a request comes from: the only place that reads the headers of proxies, and only those of trusted ones."""

from __future__ import annotations

from flask import current_app, request

from audit_webhook.context import context_of
from audit_webhook.web import client_address as addresses


def client_address() -> str:
    """Return the address of whoever sent the current request; of the proxy itself when it is not a trusted one.

    What concerns the proxy, such as whether it may name a user, goes by ``request.remote_addr``.
    """
    trusted = context_of(current_app).config.trusted_proxies
    return addresses.find_client_address(
        request.remote_addr or "", request.headers.get("X-Forwarded-For", ""), trusted
    )


def is_behind_proxy() -> bool:
    """Return whether a trusted proxy handed over the current request."""
    return addresses.is_trusted(request.remote_addr or "", context_of(current_app).config.trusted_proxies)


def page_url() -> str:
    """Return scheme, host and port of the current page as its reader's browser has them, without a slash."""
    host = request.host_url.rstrip("/")
    scheme = request.headers.get("X-Forwarded-Proto", "").strip().lower() if is_behind_proxy() else ""
    return f"{scheme}://{host.partition('://')[2]}" if scheme in ("http", "https") else host
