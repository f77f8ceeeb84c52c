"""Who may send: the tokens, the cluster's name, and a memory of the last refused request of each cluster.

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
from collections import Counter
from pathlib import Path
from typing import Final

from audit_webhook.deadline import within
from audit_webhook.errors import AuditWebhookError, Forbidden, InvalidCluster, Unauthenticated, UnsupportedEncoding
from audit_webhook.ingest.senders import SenderLog
from audit_webhook.storage.loss_store import HOUR, LossStore, RefusedCount, RefusedKey
from audit_webhook.storage.rejection_store import MICROSECONDS_A_DAY, NO_NAME, Refusal, RefusalKey, RejectionStore

logger: Final = logging.getLogger(__name__)

NAMES_WAITING: Final = 500
WRITE_SECONDS: Final = 1.0
SECONDS_BETWEEN_READS: Final = 1.0
EVERY_CLUSTER: Final = frozenset({"*"})
SECONDS_BETWEEN_LINES: Final = 10.0
SECONDS_AFTER_FAILURE: Final = 10.0
REASONS_REMEMBERED: Final = 100
_CLUSTER: Final = re.compile(r"[a-z0-9.-]{1,63}", re.ASCII)


def admit(tokens: TokenCheck, cluster: str, authorization: str, encoding: str) -> str:
    """Raise Unauthenticated, InvalidCluster or UnsupportedEncoding unless a batch with this head may be sent.

    Returns the cluster when the token is its own, and nothing when it is one that several senders share.
    """
    is_own = tokens.require(authorization, cluster)
    check_cluster(cluster)
    if encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedEncoding("send the body without Content-Encoding")
    return cluster if is_own else ""


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
        near = re.sub(r"[^a-z0-9.-]", "-", name[:63].lower())
        raise InvalidCluster(f"a cluster's name is 1 to 63 characters of a-z, 0-9, dot and hyphen, such as {near}")
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

    def require(self, authorization: str, cluster: str) -> bool:
        """Raise Unauthenticated unless the header value carries a token, and Forbidden when it is another cluster's.

        Returns whether the token is this cluster's own, and not valid for every cluster.

        It may come as Bearer or as a Basic password: a kube-apiserver sends its bearer token over https only; over
        plain http only the user and password of the URL are sent (RFC 7617).
        """
        if self._is_open:
            return False
        if not authorization:
            raise Unauthenticated("the request carries no token")
        presented = _token_of(authorization)
        if presented is None:
            raise Unauthenticated("the Authorization header is neither Bearer nor Basic")
        clusters = self._clusters_of(_hash(presented))
        if not clusters:
            raise Unauthenticated("the token is not the one expected")
        if cluster not in clusters and EVERY_CLUSTER.isdisjoint(clusters):
            check_cluster(cluster)  # a name that no cluster can have is the mistake, and not whose token it is
            raise Forbidden("the token is another cluster's")
        return EVERY_CLUSTER.isdisjoint(clusters)

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
            for token in read_token_lines(path):
                digest = _hash(token)
                tokens[digest] = tokens.get(digest, frozenset()) | {path.name}
    return tokens


def read_token_lines(path: Path) -> list[bytes]:
    """Give the tokens of a cluster's file, one a line; raises OSError."""
    lines = path.read_bytes().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith(b"#")]


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


class RejectionLog:
    """Counts refused requests, remembers the last one of each cluster, and tells the log without flooding it."""

    def __init__(
        self, store: RejectionStore | None, losses: LossStore | None = None, senders: SenderLog | None = None
    ) -> None:
        """Write into these stores, when `flush` is called; without the first one, into the log alone."""
        self._store = store
        self._losses = losses
        self._senders = senders
        self._refused: dict[RefusedKey, RefusedCount] = {}
        self._pending: dict[str, Refusal] = {}
        self._counts: Counter[RefusalKey] = Counter()
        self._paused_until = float("-inf")
        self._lines = Lines()
        self._lock = threading.Lock()

    def note(
        self, cluster: str, kind: str, reason: str, peer: str, now: int, events: int = 0, user_agent: str = ""
    ) -> None:
        """Note a refusal of a kind that the metrics name. Never waits.

        ``peer`` is the sender's address, ``events`` how many the request held, 0 when that is not known. Names that are
        no cluster's, and too many different ones at once, are counted under no name.
        """
        name = cluster if _CLUSTER.fullmatch(cluster) else NO_NAME
        if self._senders is not None and name:
            self._senders.note_refusal(name, peer, user_agent, kind, now)
        self._lines.write(reason[:255], name, peer[:64])
        if self._store is None:
            return
        with self._lock:
            if name not in self._pending and len(self._pending) >= NAMES_WAITING:
                name = NO_NAME
            if name:
                self._pending[name] = Refusal(name, now, reason[:255], peer[:64])
            self._counts[RefusalKey(now // MICROSECONDS_A_DAY, name, kind)] += 1
            count = RefusedCount(reason[:255], now, now, 1, int(not events), events)
            self._add_refused(RefusedKey(now // HOUR, name, kind, peer[:64]), count)

    def _add_refused(self, key: RefusedKey, count: RefusedCount) -> None:
        if key not in self._refused and len(self._refused) >= NAMES_WAITING:
            key = key._replace(address="", cluster=NO_NAME)
        self._refused[key] = self._refused[key].plus(count) if key in self._refused else count

    def flush(self) -> None:
        """Write down what is pending, so that a page shows the newest; after a failure, not for some seconds."""
        with self._lock:
            if self._store is None or not (self._counts or self._refused) or time.monotonic() < self._paused_until:
                return
            pending, self._pending = self._pending, {}
            counts, self._counts = self._counts, Counter()
            refused, self._refused = self._refused, {}
        try:
            with within(WRITE_SECONDS):
                named = self._store.record(pending.values(), counts)
                pending, counts = {}, Counter()
                if self._losses is not None and refused:
                    self._losses.record_refused(refused, named)
        except AuditWebhookError as error:
            logger.warning("refused requests could not be noted: %s", type(error).__name__)
            with self._lock:
                self._paused_until = time.monotonic() + SECONDS_AFTER_FAILURE
                self._pending = pending | self._pending
                self._counts.update(counts)
                for key, count in refused.items():
                    self._add_refused(key, count)

    def forget_old(self, now: int) -> None:
        """Delete what is written down and older than any page shows."""
        if self._store is not None:
            self._store.forget(now)


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
