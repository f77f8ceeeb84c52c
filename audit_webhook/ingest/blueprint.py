"""The webhook: takes a kube-apiserver's batches, and the records of Amazon Data Firehose.

Never a redirect: Go's client would follow it with a GET, take that one's 200 for success, and the events would be gone.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, current_app, jsonify, request

from audit_webhook.context import AppContext, context_of
from audit_webhook.errors import AuditWebhookError, BodyTooLarge, MalformedBatch
from audit_webhook.ingest import firehose
from audit_webhook.ingest.admission import admit, explain_size
from audit_webhook.ingest.parts import Parts
from audit_webhook.ingest.receive import Receipt
from audit_webhook.web.errors import status_of
from audit_webhook.web.request_address import client_address

bp = Blueprint("ingest", __name__)
Read = Callable[[int], bytes]


@bp.post("/webhook/audit", strict_slashes=False, provide_automatic_options=False, defaults={"cluster": ""})
@bp.post("/webhook/audit/<cluster>", strict_slashes=False, provide_automatic_options=False)
def post_batch(cluster: str) -> Response:
    """Keep a batch; 200 is given only when it is committed, or synced to the spool."""
    name = cluster or request.args.get("cluster", "")
    receipt = _keep(name, request.headers.get("Authorization", ""), lambda read: read)
    return jsonify({key: value for key, value in receipt._asdict().items() if key != "oldest"})


@bp.post("/webhook/firehose/<cluster>", strict_slashes=False, provide_automatic_options=False)
def post_records(cluster: str) -> tuple[Response, int]:
    """Keep the records of a request of Amazon Data Firehose; the answer is the one that Firehose expects."""
    context = context_of(current_app)
    request_id = firehose.tidy_id(request.headers.get("X-Amz-Firehose-Request-Id"))
    key = request.headers.get("X-Amz-Firehose-Access-Key", "")

    def decoded(read: Read) -> Read:
        nonlocal request_id
        asked = firehose.read_records(read(firehose.MOST_BYTES))
        request_id = asked.request_id or request_id
        return firehose.RecordText(asked.records).read

    with firehose.ROOM:
        try:
            _keep(cluster, f"Bearer {key}" if key else "", decoded)
        except AuditWebhookError as error:
            return jsonify(firehose.answer(request_id, context.clock(), str(error))), status_of(error)
    return jsonify(firehose.answer(request_id, context.clock())), 200


def _keep(cluster: str, authorization: str, decoded: Callable[[Read], Read]) -> Receipt:
    """Keep the body of the current request and return the receipt; a function says how it is read."""
    context = context_of(current_app)
    parts: Parts | None = None
    try:
        admit(context.tokens, cluster, authorization, request.headers.get("Content-Encoding", ""))
        parts = Parts(decoded(_Body(context.config.max_body_bytes).read))
        receipt = context.durable.receive_parts(cluster, parts, context.clock())
    except AuditWebhookError as error:
        _note(context, cluster, error, parts)
        raise
    _count(context, cluster, parts.size, receipt)
    return receipt


class _Body:
    """The body of the current request, read while it arrives where the server can."""

    def __init__(self, limit: int) -> None:
        """Raises BodyTooLarge when it is announced to be longer than the limit."""
        self._limit = limit
        self._announced = request.content_length
        if (self._announced or 0) > limit:
            raise BodyTooLarge(explain_size(limit))
        self._has_end = bool(request.environ.get("wsgi.input_terminated"))
        self._input = request.environ["wsgi.input"]
        self._size = 0

    def read(self, size: int) -> bytes:
        """Return so many bytes, or fewer at the end; raises MalformedBatch when that is not where it was announced."""
        wanted = size if self._has_end else min(size, (self._announced or 0) - self._size)
        piece: bytes = self._input.read(wanted)
        self._size += len(piece)
        if self._size > self._limit:
            raise BodyTooLarge(explain_size(self._limit))
        if len(piece) < size and self._size < (self._announced or 0):
            raise MalformedBatch("the body ends before its announced length")
        return piece


def _count(context: AppContext, cluster: str, size: int, receipt: Receipt) -> None:
    now = context.clock()
    lag = (now - receipt.oldest) / 1e6 if receipt.stored else None
    context.metrics.note_batch(cluster, size, receipt, now, lag)
    agent = request.headers.get("User-Agent", "")
    context.senders.note_batch(cluster, client_address(), agent, receipt.received, size, now)


def _note(context: AppContext, cluster: str, error: AuditWebhookError, parts: Parts | None) -> None:
    """Count and remember a refusal; without the text of an error of ours, which may quote what an event held.

    What was kept of it counts as taken.
    """
    if parts is not None and error.kept is not None and error.kept.received:
        _count(context, cluster, error.kept_bytes, error.kept)
    reason = str(error) if status_of(error) != 500 else type(error).__name__
    kind = context.metrics.note_refusal(error)
    agent = request.headers.get("User-Agent", "")
    context.refusals.note(cluster, kind, reason, client_address(), context.clock(), error.events, agent)
    if parts is not None:
        context.metrics.note_refused_batch(cluster, parts.size - error.kept_bytes, error.events, context.clock())
