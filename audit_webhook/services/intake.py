"""Who may send: the token, the cluster's name, and a memory of the last refused request of each cluster.

`admit` needs no more than a request's head, so the server asks it before it reads a body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import re
import threading
import time
from typing import Final

from audit_webhook.deadline import within
from audit_webhook.errors import AuditWebhookError, InvalidCluster, Unauthenticated, UnsupportedEncoding
from audit_webhook.repository import Repository
from audit_webhook.transaction import Refusal

logger: Final = logging.getLogger(__name__)

CLUSTERS_REMEMBERED: Final = 200
WRITE_SECONDS: Final = 1.0
SECONDS_BETWEEN_LINES: Final = 10.0
SECONDS_AFTER_FAILURE: Final = 10.0
REASONS_REMEMBERED: Final = 100
_CLUSTER: Final = re.compile(r"[a-z0-9.-]{1,63}", re.ASCII)


def admit(tokens: TokenCheck, cluster: str, authorization: str, encoding: str) -> None:
    """Raise Unauthenticated, InvalidCluster or UnsupportedEncoding unless a batch with this head may be sent."""
    tokens.require(authorization)
    check_cluster(cluster)
    if encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedEncoding("send the body without Content-Encoding")


def explain_size(limit: int) -> str:
    """Say what to do about a batch that is too large."""
    return (
        f"the batch is larger than {limit} bytes: raise MAX_BODY_BYTES here, or lower "
        "--audit-webhook-batch-max-size of the kube-apiserver"
    )


def check_cluster(name: str) -> str:
    """Give the name back when it is one that a cluster may have; raises InvalidCluster."""
    if not name:
        raise InvalidCluster("the path names no cluster: post to /webhook/audit/<cluster>")
    if not _CLUSTER.fullmatch(name):
        raise InvalidCluster("a cluster's name is 1 to 63 characters of a-z, 0-9, dot and hyphen")
    return name


class TokenCheck:
    """Compares the token that a request carries with ours, in a time that does not depend on where they differ."""

    def __init__(self, token: str) -> None:
        """Keep only the token's hash; an empty token lets everybody in, which the settings allow on loopback alone."""
        self._expected: Final = hashlib.sha256(token.encode()).digest() if token else None

    def require(self, authorization: str) -> None:
        """Raise Unauthenticated unless the header value carries the token, as Bearer or as a Basic password.

        A kube-apiserver sends its bearer token over https only; over plain http only the user and password of the
        URL are sent (RFC 7617).
        """
        if self._expected is None:
            return
        if not authorization:
            raise Unauthenticated("the request carries no token")
        presented = _token_of(authorization)
        if presented is None:
            raise Unauthenticated("the Authorization header is neither Bearer nor Basic")
        if not hmac.compare_digest(hashlib.sha256(presented).digest(), self._expected):
            raise Unauthenticated("the token is not the one expected")


def _token_of(authorization: str) -> bytes | None:
    """Give the bytes of the token in a header value; WSGI hands headers over as Latin-1 (PEP 3333)."""
    scheme, _, value = authorization.encode("latin-1", "replace").strip().partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip()
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
    except binascii.Error:
        return None


class RefusalBook:
    """Remembers the last refused request of each cluster, and tells the log of refusals without flooding it."""

    def __init__(self, repository: Repository) -> None:
        """Write into this repository, when `flush` is called."""
        self._repository = repository
        self._pending: dict[str, Refusal] = {}
        self._named: set[str] = set()
        self._paused_until = float("-inf")
        self._lines = Lines()
        self._lock = threading.Lock()

    def note(self, cluster: str, reason: str, peer: str, now: int) -> None:
        """Note a refusal; names that are no cluster's, and too many different ones, are not kept. Never waits."""
        known = cluster if _CLUSTER.fullmatch(cluster) else ""
        self._lines.write(reason[:255], known, peer[:64])
        with self._lock:
            if not known or (known not in self._named and len(self._named) >= CLUSTERS_REMEMBERED):
                return
            self._named.add(known)
            self._pending[known] = Refusal(known, now, reason[:255], peer[:64])

    def flush(self) -> None:
        """Write down what is pending, so that a page shows the newest; after a failure, not for some seconds."""
        with self._lock:
            if not self._pending or time.monotonic() < self._paused_until:
                return
            pending, self._pending = self._pending, {}
        try:
            with within(WRITE_SECONDS):
                self._repository.record_refusals(pending.values())
        except AuditWebhookError as error:
            logger.warning("refused requests could not be noted: %s", type(error).__name__)
            with self._lock:
                self._paused_until = time.monotonic() + SECONDS_AFTER_FAILURE
                self._pending = pending | self._pending


class Lines:
    """Writes a line for a refusal; for one reason at most every ten seconds, with how often it happened since."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._said: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def write(self, reason: str, cluster: str, peer: str) -> None:
        """Say it, or only count it."""
        now = time.monotonic()
        with self._lock:
            if reason not in self._said and len(self._said) >= REASONS_REMEMBERED:
                self._said.clear()
            last, silent = self._said.get(reason, (float("-inf"), 0))
            due = now - last >= SECONDS_BETWEEN_LINES
            self._said[reason] = (now, 0) if due else (last, silent + 1)
        if due:
            logger.warning(
                "refused a request: %s", reason, extra={"cluster": cluster, "peer": peer, "times": silent + 1}
            )
