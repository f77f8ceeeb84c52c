"""The clusters: whether they send, how much, what cannot be seen, and what their policy could leave out."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, render_template, request

from audit_webhook.context import context_of
from audit_webhook.explore.clusters import overview as clusters
from audit_webhook.ingest.rejections import count_refused, nameless

bp = Blueprint("clusters", __name__)


@bp.get("/clusters")
def show_clusters() -> str:
    """Show every cluster in a line."""
    parts = context_of(current_app)
    parts.refusals.flush()
    days = clusters.last_days(request.args.get("days", ""))
    states, more = clusters.list_clusters(parts.repository, parts.pictures.dimensions, days, parts.clock())
    others = nameless(count_refused(parts.repository, days, parts.clock()))
    return render_template(
        "clusters/list.html", states=states, days=days, choices=clusters.DAYS, nameless=others, more=more
    )


@bp.get("/clusters/<name>")
def show_cluster(name: str) -> str:
    """Show all about one cluster."""
    parts = context_of(current_app)
    parts.refusals.flush()
    days = clusters.last_days(request.args.get("days", ""))
    page = clusters.view_cluster(parts.repository, parts.pictures.dimensions, name, days, parts.clock())
    if page is None:
        abort(404)
    return render_template("clusters/page.html", page=page, days=days, choices=clusters.DAYS)
