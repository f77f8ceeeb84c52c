"""Decides on a request by its head, before its body is read: who may send, how much, and how much at once."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from flask import Flask
from waitress.utilities import Error

from audit_webhook.context import context_of
from audit_webhook.errors import AuditWebhookError, BodyTooLarge
from audit_webhook.ingest.admission import admit, explain_size
from audit_webhook.ingest.parts import WHOLE_BYTES
from audit_webhook.operate.metrics import FRAMING, SLOW
from audit_webhook.operate.server.limits import InFlight, Reservation
from audit_webhook.web.client_address import find_client_address
from audit_webhook.web.errors import describe

WEBHOOK: Final = "/webhook/audit"
FIREHOSE: Final = "/webhook/firehose"
BATCHES: Final = 128
HELD_BYTES: Final = 64 * 1024**2
"""Bytes of bodies that are held at once; of a batch no more than ``WHOLE_BYTES``, the rest waits in its socket."""
PAGES: Final = 64
SMALL_BODY_BYTES: Final = 64 * 1024


class Refused(Error):
    """An answer that waitress gives without asking the application, in the form of the application's own."""

    def __init__(self, error: AuditWebhookError) -> None:
        """Answer what the table of errors says."""
        super().__init__(str(error))
        self.status, self.headers, self.document = describe(error)
        self.code = self.status
        self.reason = HTTPStatus(self.status).phrase

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], Any]:
        """Give the status line, the headers and the body."""
        headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *self.headers.items()]
        return f"{self.code} {self.reason}", headers, orjson.dumps(self.document)


class Gate:
    """Lets requests in, and gives each the room that it takes until it is answered."""

    def __init__(self, app: Flask, takes_batches: bool) -> None:
        """Use the tokens, limits and counters of this application."""
        self._parts = context_of(app)
        self._takes_batches = takes_batches
        self.most_bytes: Final = self._parts.config.max_body_bytes
        self.batches: Final = InFlight(BATCHES, HELD_BYTES)
        self.pages: Final = InFlight(PAGES, PAGES * SMALL_BODY_BYTES)

    def is_batch(self, method: str, path: str) -> bool:
        """Whether the body is a batch and may be as large as one."""
        cluster = _cluster_in(path)
        return self._takes_batches and method == "POST" and cluster is not None and "/" not in cluster

    def find_client_address(self, peer: str, headers: dict[str, str]) -> str:
        """Return the address that a request with this head comes from, behind trusted proxies too."""
        return find_client_address(peer, headers.get("X_FORWARDED_FOR", ""), self._parts.config.trusted_proxies)

    def enter(self, method: str, path: str, query: str, headers: dict[str, str], peer: str) -> Reservation | None:
        """Check a request's head; raises what `describe` knows. Pages for operators always pass."""
        size = int(headers.get("CONTENT_LENGTH", "0"))
        if not self.is_batch(method, path):
            if size > SMALL_BODY_BYTES:
                raise self.refuse("", BodyTooLarge(f"a body is taken up to {SMALL_BODY_BYTES} bytes here"), peer)
            return None if lane_of(path) == "ops" else self.pages.reserve(size, peer)
        cluster = _cluster_of(path, query)
        try:
            owner = self._admit(cluster, headers) or peer
            if size > self.most_bytes:
                raise BodyTooLarge(explain_size(self.most_bytes))
            return self.batches.reserve(min(size, WHOLE_BYTES), owner)
        except AuditWebhookError as error:
            raise self.refuse(cluster, error, peer, headers.get("USER_AGENT", "")) from None

    def judge_cut_off(self, method: str, path: str, query: str, headers: dict[str, str], peer: str) -> None:
        """Raise what `enter` would of a batch whose head is larger than any may be, for the part that is there."""
        if self.is_batch(method, path):
            cluster = _cluster_of(path, query)
            try:
                self._admit(cluster, headers)
            except AuditWebhookError as error:
                raise self.refuse(cluster, error, peer) from None

    def _admit(self, cluster: str, headers: dict[str, str]) -> str:
        key = headers.get("X_AMZ_FIREHOSE_ACCESS_KEY", "")
        authorization = headers.get("AUTHORIZATION", "") or (f"Bearer {key}" if key else "")
        return admit(self._parts.tokens, cluster, authorization, headers.get("CONTENT_ENCODING", ""))

    def refuse(self, cluster: str, error: AuditWebhookError, peer: str, user_agent: str = "") -> AuditWebhookError:
        """Note a refusal, and give it back to be raised."""
        kind = self._parts.metrics.note_refusal(error)
        self._parts.refusals.note(cluster, kind, str(error), peer, self._parts.clock(), user_agent=user_agent)
        return error

    def note_broken(self, reason: str, peer: str) -> None:
        """Note a request whose framing waitress refused."""
        self._parts.metrics.note_refusal(FRAMING)
        self._parts.refusals.note("", FRAMING, f"not a usable HTTP request: {reason}", peer, self._parts.clock())

    def note_tls(self, peer: str) -> None:
        """Note a client that speaks TLS to this port, which takes plain HTTP."""
        self._parts.metrics.note_refusal(FRAMING)
        reason = "TLS was sent to a port that takes plain HTTP: use the proxy's port, or an http:// address"
        self._parts.refusals.note("", FRAMING, reason, peer, self._parts.clock())

    def note_slow(self, peer: str) -> None:
        """Note a request that did not arrive in time."""
        self._parts.metrics.note_refusal(SLOW)
        self._parts.refusals.note("", SLOW, "the request did not arrive in time", peer, self._parts.clock())

    def note_in_flight(self) -> None:
        """Bring the gauges up to date."""
        self._parts.metrics.note_in_flight(self.batches.requests, self.batches.bytes)


def lane_of(path: str) -> str:
    """Give the name of the threads that a path is answered by."""
    if path in ("/healthz", "/readyz", "/metrics"):
        return "ops"
    return "ingest" if path.startswith("/webhook") else "pages"


def _cluster_of(path: str, query: str) -> str:
    """Give the cluster that a batch is of; empty when none is named."""
    return _cluster_in(path) or parse_qs(query).get("cluster", [""])[0]


def _cluster_in(path: str) -> str | None:
    """Give what a path names as the cluster; None when it is not one of the webhook."""
    normal = "/" + path.lstrip("/")
    for place in (WEBHOOK, FIREHOSE):
        if normal == place or normal.startswith(f"{place}/"):
            return normal.removeprefix(place).strip("/")
    return None
