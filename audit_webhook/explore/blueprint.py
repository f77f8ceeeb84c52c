"""The pages about one thing: an object's life, an actor, and who uses which permission."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, current_app, render_template, request

from audit_webhook.context import context_of
from audit_webhook.explore.actors.activity import portray
from audit_webhook.explore.actors.list import view_actors
from audit_webhook.explore.actors.view import view_actor
from audit_webhook.explore.objects.life import history
from audit_webhook.explore.objects.view import view_object
from audit_webhook.explore.permissions.view import NeedsView, view_needs, view_permissions
from audit_webhook.search.addresses import Actor, place_from
from audit_webhook.search.alert_marks import with_alerts

bp = Blueprint("explore", __name__)


@bp.get("/objects/<cluster>/<group>/<resource>/<namespace>/<path:name>")
def show_object(cluster: str, group: str, resource: str, namespace: str, name: str) -> str:
    """Show an object's life, or the part of it before an event."""
    parts = context_of(current_app)
    place = place_from(cluster, group, resource, namespace, name)
    before = request.args.get("before", "")
    found = history(parts.repository, place, before, parts.clock())
    return render_template("object/page.html", page=view_object(found, before, parts.clock()))


@bp.get("/actors")
def show_actors() -> str:
    """Show who was seen in a cluster."""
    page = view_actors(context_of(current_app).repository, request.args.get("cluster", ""))
    return render_template("actor/list.html", page=page)


@bp.get("/actors/<cluster>/<path:name>")
def show_actor(cluster: str, name: str) -> str:
    """Show what an actor did, when, from where and with what."""
    parts = context_of(current_app)
    portrait = portray(parts.repository, Actor(cluster, name), parts.clock())
    page = view_actor(portrait, parts.clock())
    recent, denied = (with_alerts(parts.repository, rows) for rows in (page.recent, page.denied))
    return render_template("actor/page.html", page=replace(page, recent=recent, denied=denied))


@bp.get("/permissions")
def show_permissions() -> str:
    """Show which bindings of a cluster were used, and by whom."""
    parts = context_of(current_app)
    cluster, since = request.args.get("cluster", ""), request.args.get("since", "7d")
    page = view_permissions(parts.repository, cluster, since, parts.clock())
    return render_template("permissions/page.html", page=page)


@bp.get("/permissions/needs")
def show_needs() -> str:
    """Show the least that an actor needs."""
    return render_template("permissions/needs.html", page=_needs())


@bp.get("/permissions/needs.yaml")
def download_needs() -> Response:
    """Give the least that an actor needs as a file for kubectl apply."""
    response = Response(_needs().yaml, mimetype="application/yaml")
    response.headers["Content-Disposition"] = 'attachment; filename="roles.yaml"'
    return response


def _needs() -> NeedsView:
    parts, given = context_of(current_app), request.args
    actor = Actor(given.get("cluster", ""), given.get("user", ""))
    is_apart, with_refused = given.get("namespaces") == "apart", given.get("refused") == "1"
    return view_needs(parts.repository, actor, given.get("since", "30d"), is_apart, with_refused, parts.clock())
