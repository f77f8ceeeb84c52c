"""Posts a body to an address: one try, bounded in time and in what is read, following no redirect."""

from __future__ import annotations

import hashlib
import hmac
import socket
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final
from urllib.parse import urlsplit

from audit_webhook.alerts.notifications.connection import (
    CALL_SECONDS, WHOLE_SECONDS, DeliveryFailed, cut_after, reason_of, tls_context,
)
from audit_webhook.alerts.notifications.sink import Post

SIGNATURE: Final = "X-Audit-Signature"
MESSAGE_ID: Final = "X-Audit-Message-Id"
LONGEST_WAIT: Final = 3600
MOST_READ: Final = 4096


def signature(secret: str, seconds: int, body: bytes) -> str:
    """Return the header that signs a body: ``t`` is the time in seconds, ``v1`` the HMAC-SHA256 of time, dot, body."""
    signed = hmac.new(secret.encode(), b"%d.%s" % (seconds, body), hashlib.sha256).hexdigest()
    return f"t={seconds},v1={signed}"


def post(target: Post, body: bytes, headers: Mapping[str, str], seconds: int) -> None:
    """Post a JSON body, signed where the target has a secret; raises DeliveryFailed. ``seconds`` is the time."""
    sent = {"Content-Type": "application/json", "User-Agent": "audit-webhook", "Connection": "close", **headers}
    if target.secret:
        sent[SIGNATURE] = signature(target.secret, seconds, body)
    if target.authorization:
        sent["Authorization"] = target.authorization
    parts = urlsplit(target.url)
    is_tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if is_tls else 80)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    connection = HTTPConnection(host, port, timeout=CALL_SECONDS)
    try:
        plain = socket.create_connection((host, port), CALL_SECONDS)
        with plain, cut_after(plain, WHOLE_SECONDS) as cut:
            try:
                connection.sock = plain if not is_tls else tls_context(target.ca_file).wrap_socket(
                    plain, server_hostname=host
                )
                connection.request("POST", path, body, sent)
                response = connection.getresponse()
                response.read(MOST_READ)
            finally:
                if cut.is_done:  # http.client takes the end of a connection for the end of the headers
                    raise DeliveryFailed(f"it did not end within {WHOLE_SECONDS:g} seconds")
        _check(response)
    except (OSError, HTTPException, ValueError) as error:
        raise DeliveryFailed(reason_of(error)) from error
    finally:
        connection.close()


def _check(response: HTTPResponse) -> None:
    """Raise DeliveryFailed unless the answer says that the body was taken."""
    if 200 <= response.status < 300:
        return
    if 300 <= response.status < 400:
        raise DeliveryFailed(f"it answered {response.status}, a redirect, which is not followed")
    asked = response.getheader("Retry-After", "")
    wait = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0
    raise DeliveryFailed(f"it answered {response.status}", min(wait, LONGEST_WAIT))
