"""The webhook: takes a kube-apiserver's batches.

Never a redirect: Go's client would follow it with a GET, take that one's 200 for success, and the events would be gone.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from audit_webhook.errors import AuditWebhookError, BodyTooLarge, UnsupportedEncoding
from audit_webhook.services.intake import check_cluster
from audit_webhook.wiring import Wiring, wiring

bp = Blueprint("ingest", __name__)


@bp.post("/webhook/audit", strict_slashes=False, provide_automatic_options=False, defaults={"cluster": ""})
@bp.post("/webhook/audit/<cluster>", strict_slashes=False, provide_automatic_options=False)
def post_batch(cluster: str) -> Response:
    """Keep a batch; 200 is given only when it is committed, or synced to the spool."""
    parts = wiring(current_app)
    name = cluster or request.args.get("cluster", "")
    try:
        parts.tokens.require(request.headers.get("Authorization", ""), name)
        check_cluster(name)
        if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise UnsupportedEncoding("send the body without Content-Encoding")
        receipt = parts.durable.receive(name, _body(), parts.clock())
    except AuditWebhookError as error:
        _note(parts, name, error)
        raise
    return jsonify(receipt._asdict())


def _body() -> bytes:
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        limit = current_app.config["MAX_CONTENT_LENGTH"]
        raise BodyTooLarge(
            f"the batch is larger than {limit} bytes: raise MAX_BODY_BYTES here, or lower "
            "--audit-webhook-batch-max-size of the kube-apiserver"
        ) from error


def _note(parts: Wiring, cluster: str, error: AuditWebhookError) -> None:
    parts.refusals.note(cluster, str(error), request.remote_addr or "", parts.clock())
