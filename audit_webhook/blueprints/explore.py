"""The pages about one thing: an object's life, an actor, and who uses which permission."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template, request

from audit_webhook.services.object_view import view_object
from audit_webhook.services.objects import history
from audit_webhook.services.places import place_from
from audit_webhook.wiring import wiring

bp = Blueprint("explore", __name__)


@bp.get("/objects/<cluster>/<group>/<resource>/<namespace>/<path:name>")
def show_object(cluster: str, group: str, resource: str, namespace: str, name: str) -> str:
    """Show an object's life, or the part of it before an event."""
    parts = wiring(current_app)
    place = place_from(cluster, group, resource, namespace, name)
    before = request.args.get("before", "")
    found = history(parts.repository, place, before, parts.clock())
    return render_template("object/page.html", page=view_object(found, before, parts.clock()))
