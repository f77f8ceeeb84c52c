"""For operators and their probes: is the process alive, can it store, and what has it done?"""

from __future__ import annotations

import time

from flask import Blueprint, Flask, Response, current_app, g, jsonify, request

from audit_webhook.context import context_of

bp = Blueprint("ops", __name__)


@bp.get("/healthz")
def get_healthz() -> Response:
    """Say that the process is alive; touches nothing."""
    return jsonify(status="ok")


@bp.get("/readyz")
def get_readyz() -> tuple[Response, int]:
    """Say whether events can be kept now; touches no database, so that one that hangs cannot hold the answer."""
    if context_of(current_app).stopping.is_set():
        return jsonify(status="not ready", reason="the process is about to stop"), 503
    if context_of(current_app).durable.is_ready():
        return jsonify(status="ok"), 200
    reason = "the database does not take events or its schema is not the current one, and no spool has room for them"
    return jsonify(status="not ready", reason=context_of(current_app).durable.trouble() or reason), 503


@bp.get("/metrics")
def get_metrics() -> Response:
    """Give the metrics of all worker processes together."""
    text, content_type = context_of(current_app).metrics.expose(request.headers.get("Accept", ""))
    return Response(text, content_type=content_type)


def measure(app: Flask) -> None:
    """Count every request of an application with the time until its answer."""
    app.before_request(_begin)
    app.after_request(_finish)


def _begin() -> None:
    began = time.monotonic()
    g.arrived = request.environ.get("audit_webhook.arrived", lambda: began)


def _finish(response: Response) -> Response:
    route = request.blueprint if request.blueprint in ("ingest", "api", "ops") else "pages"
    context_of(current_app).metrics.note_request(route, time.monotonic() - g.arrived())
    return response
