"""Who may send: the token, the cluster's name, and a memory of the last refused request of each cluster."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Final

from audit_webhook.deadline import within
from audit_webhook.errors import AuditWebhookError, InvalidCluster, Unauthenticated
from audit_webhook.repository import Repository
from audit_webhook.transaction import Refusal

logger: Final = logging.getLogger(__name__)

CLUSTERS_REMEMBERED: Final = 200
SECONDS_BETWEEN_WRITES: Final = 1.0
WRITE_SECONDS: Final = 1.0
_CLUSTER: Final = re.compile(r"[a-z0-9.-]{1,63}", re.ASCII)


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
    """Remembers the last refused request of each cluster, and writes them down at most once a second."""

    def __init__(self, repository: Repository, is_away: Callable[[], bool]) -> None:
        """Write into this repository, but not while it is away: a refused request must not wait for it."""
        self._repository = repository
        self._is_away = is_away
        self._pending: dict[str, Refusal] = {}
        self._named: set[str] = set()
        self._written = float("-inf")
        self._lock = threading.Lock()

    def note(self, cluster: str, reason: str, peer: str, now: int) -> None:
        """Note a refusal; names that are no cluster's, and too many different ones, are not kept."""
        if not _CLUSTER.fullmatch(cluster):
            return
        with self._lock:
            if cluster not in self._named and len(self._named) >= CLUSTERS_REMEMBERED:
                return
            self._named.add(cluster)
            self._pending[cluster] = Refusal(cluster, now, reason[:255], peer[:64])
            if self._is_away() or time.monotonic() - self._written < SECONDS_BETWEEN_WRITES:
                return
            self._written = time.monotonic()
            pending, self._pending = self._pending, {}
        self._write(pending)

    def flush(self) -> None:
        """Write down what is pending, so that a page shows the newest."""
        with self._lock:
            pending, self._pending = self._pending, {}
        if pending:
            self._write(pending)

    def _write(self, pending: dict[str, Refusal]) -> None:
        try:
            with within(WRITE_SECONDS):
                self._repository.record_refusals(pending.values())
        except AuditWebhookError as error:
            logger.warning("refused requests could not be noted: %s", error)
