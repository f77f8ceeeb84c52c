"""Who may send: the tokens, the cluster's name, and a memory of the last refused request of each cluster."""

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
from pathlib import Path
from typing import Final

from audit_webhook.deadline import within
from audit_webhook.errors import AuditWebhookError, Forbidden, InvalidCluster, Unauthenticated
from audit_webhook.repository import Repository
from audit_webhook.transaction import Refusal

logger: Final = logging.getLogger(__name__)

CLUSTERS_REMEMBERED: Final = 200
SECONDS_BETWEEN_WRITES: Final = 1.0
SECONDS_BETWEEN_READS: Final = 1.0
SECONDS_BETWEEN_LINES: Final = 10.0
EVERY_CLUSTER: Final = frozenset({"*"})
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
    """Compares the token that a request carries with those that are valid, in a time that does not depend on them.

    ``token`` is valid for every cluster; a file of ``folder`` holds those of the cluster that it is named after, one a
    line, so that two are valid while they are exchanged. Only hashes are kept.
    """

    def __init__(self, token: str, folder: str = "") -> None:
        """Without any token everybody may send, which the settings allow on loopback alone."""
        self._is_open: Final = not token and not folder
        self._common: Final = {_hash(token.encode()): EVERY_CLUSTER} if token else {}
        self._folder: Final = Path(folder) if folder else None
        self._lock = threading.Lock()
        self._read = float("-inf")
        self._own: dict[bytes, frozenset[str]] = {}

    def require(self, authorization: str, cluster: str) -> None:
        """Raise Unauthenticated unless the header value carries a token, and Forbidden when it is another cluster's.

        It may come as Bearer or as a Basic password: a kube-apiserver sends its bearer token over https only; over
        plain http only the user and password of the URL are sent (RFC 7617).
        """
        if self._is_open:
            return
        if not authorization:
            raise Unauthenticated("the request carries no token")
        presented = _token_of(authorization)
        if presented is None:
            raise Unauthenticated("the Authorization header is neither Bearer nor Basic")
        clusters = self._clusters_of(_hash(presented))
        if not clusters:
            raise Unauthenticated("the token is not the one expected")
        if cluster not in clusters and EVERY_CLUSTER.isdisjoint(clusters):
            raise Forbidden("the token is another cluster's")

    def _clusters_of(self, presented: bytes) -> frozenset[str]:
        """Give the clusters that a token is valid for; every hash is compared, whether one matched before or not."""
        found: frozenset[str] = frozenset()
        for expected, clusters in (*self._common.items(), *self._of_clusters().items()):
            if hmac.compare_digest(presented, expected):
                found |= clusters
        return found

    def _of_clusters(self) -> dict[bytes, frozenset[str]]:
        """Give the clusters' own tokens, read again when a second has passed."""
        with self._lock:
            if self._folder is not None and time.monotonic() - self._read >= SECONDS_BETWEEN_READS:
                self._read = time.monotonic()
                try:
                    self._own = _read_tokens(self._folder)
                except OSError as error:
                    logger.error("WEBHOOK_TOKENS_DIR cannot be read, the tokens known so far stay valid: %s", error)
            return self._own


def _read_tokens(folder: Path) -> dict[bytes, frozenset[str]]:
    tokens: dict[bytes, frozenset[str]] = {}
    for path in folder.iterdir():
        if _CLUSTER.fullmatch(path.name) and not path.name.startswith(".") and path.is_file():
            for line in path.read_bytes().splitlines():
                if line.strip() and not line.startswith(b"#"):
                    digest = _hash(line.strip())
                    tokens[digest] = tokens.get(digest, frozenset()) | {path.name}
    return tokens


def _hash(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


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
    """Counts refused requests, remembers the last one of each cluster, and writes these down once a second at most."""

    def __init__(self, repository: Repository, is_away: Callable[[], bool]) -> None:
        """Write into this repository, but not while it is away: a refused request must not wait for it."""
        self._repository = repository
        self._is_away = is_away
        self._pending: dict[str, Refusal] = {}
        self._named: set[str] = set()
        self._written = float("-inf")
        self._logged = float("-inf")
        self._logged_count = 0
        self._lock = threading.Lock()
        self.count = 0

    def note(self, cluster: str, reason: str, peer: str, now: int) -> None:
        """Note a refusal; names that are no cluster's, and too many different ones, are not kept."""
        with self._lock:
            self.count += 1
            self._log(cluster, reason, peer)
            if not _CLUSTER.fullmatch(cluster):
                return
            if cluster not in self._named and len(self._named) >= CLUSTERS_REMEMBERED:
                return
            self._named.add(cluster)
            self._pending[cluster] = Refusal(cluster, now, reason[:255], peer[:64])
            if self._is_away() or time.monotonic() - self._written < SECONDS_BETWEEN_WRITES:
                return
            self._written = time.monotonic()
            pending, self._pending = self._pending, {}
        self._write(pending)

    def _log(self, cluster: str, reason: str, peer: str) -> None:
        """Say it on the log, but not for each of many: whoever knocks must not be able to fill the disk."""
        if time.monotonic() - self._logged < SECONDS_BETWEEN_LINES:
            return
        self._logged = time.monotonic()
        more, self._logged_count = self.count - self._logged_count - 1, self.count
        named = cluster if _CLUSTER.fullmatch(cluster) else "a name that is no cluster's"
        logger.warning("refused a batch for %s from %s: %s; %d more since the last line", named, peer, reason, more)

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
