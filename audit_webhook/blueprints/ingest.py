"""The webhook: takes a kube-apiserver's batches.

Never a redirect: Go's client would follow it with a GET, take that one's 200 for success, and the events would be gone.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, request

from audit_webhook.blueprints.client import client_address
from audit_webhook.blueprints.errors import status_of
from audit_webhook.errors import AuditWebhookError, BodyTooLarge, MalformedBatch
from audit_webhook.services.ingest import Receipt
from audit_webhook.services.intake import admit, explain_size
from audit_webhook.wiring import Wiring, wiring

bp = Blueprint("ingest", __name__)


@bp.post("/webhook/audit", strict_slashes=False, provide_automatic_options=False, defaults={"cluster": ""})
@bp.post("/webhook/audit/<cluster>", strict_slashes=False, provide_automatic_options=False)
def post_batch(cluster: str) -> Response:
    """Keep a batch; 200 is given only when it is committed, or synced to the spool."""
    parts = wiring(current_app)
    name = cluster or request.args.get("cluster", "")
    body: bytes | None = None
    try:
        admit(parts.tokens, name, request.headers.get("Authorization", ""), request.headers.get("Content-Encoding", ""))
        body = _body(parts.config.max_body_bytes)
        receipt = parts.durable.receive(name, body, parts.clock())
    except AuditWebhookError as error:
        _note(parts, name, error, body)
        raise
    _count(parts, name, len(body), receipt)
    return jsonify({key: value for key, value in receipt._asdict().items() if key != "oldest"})


def _body(limit: int) -> bytes:
    """Read the body in one piece; the server has already joined it, and a copy of 64 MiB would cost as much again."""
    size = request.content_length or 0
    if size > limit:
        raise BodyTooLarge(explain_size(limit))
    body: bytes = request.environ["wsgi.input"].read(size)
    if len(body) < size:
        raise MalformedBatch("the body ends before its announced length")
    return body


def _count(parts: Wiring, cluster: str, size: int, receipt: Receipt) -> None:
    now = parts.clock()
    lag = (now - receipt.oldest) / 1e6 if receipt.stored else None
    parts.metrics.note_batch(cluster, size, receipt, now, lag)


def _note(parts: Wiring, cluster: str, error: AuditWebhookError, body: bytes | None) -> None:
    """Count and remember a refusal; without the text of an error of ours, which may quote what an event held."""
    reason = str(error) if status_of(error) != 500 else type(error).__name__
    kind = parts.metrics.note_refusal(error)
    parts.refusals.note(cluster, kind, reason, client_address(), parts.clock())
    if body is not None:
        parts.metrics.note_refused_batch(cluster, len(body), error.events, parts.clock())
