"""How far what is stored is signed, and the proof of a single event."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template

from audit_webhook.context import context_of
from audit_webhook.evidence.proof import make_proof, write_proof
from audit_webhook.evidence.view import document_of, view_evidence
from audit_webhook.search.event import story as events

bp = Blueprint("evidence", __name__)
api = Blueprint("api_evidence", __name__, url_prefix="/api/v1")


@bp.get("/evidence")
def show_evidence() -> str:
    """Show what was signed last, with which key, and how to check it."""
    parts = context_of(current_app)
    return render_template("evidence/page.html", page=view_evidence(parts.repository, parts.config, parts.clock()))


@api.get("/evidence")
def get_evidence() -> Response:
    """Give how far what is stored is signed, and what stands against trusting it."""
    parts = context_of(current_app)
    return jsonify(document_of(view_evidence(parts.repository, parts.config, parts.clock())))


@bp.get("/events/<identifier>/proof")
def download_proof(identifier: str) -> Response:
    """Give what proves an event without the database."""
    repository = context_of(current_app).repository
    proof = make_proof(repository, events.find_raw(repository, identifier))
    response = make_response(write_proof(proof))
    response.mimetype = "application/json"
    response.headers["Content-Disposition"] = f'attachment; filename="{identifier}.proof.json"'
    return response
