"""For operators and their probes: is the process alive, and can it store?"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify

from audit_webhook.wiring import wiring

bp = Blueprint("ops", __name__)


@bp.get("/healthz")
def get_healthz() -> Response:
    """Say that the process is alive; touches nothing."""
    return jsonify(status="ok")


@bp.get("/readyz")
def get_readyz() -> tuple[Response, int]:
    """Say whether events can be kept now; touches no database, so that one that hangs cannot hold the answer."""
    if wiring(current_app).durable.is_ready():
        return jsonify(status="ok"), 200
    reason = "the database does not take events or its schema is not the current one, and no spool has room for them"
    return jsonify(status="not ready", reason=reason), 503
