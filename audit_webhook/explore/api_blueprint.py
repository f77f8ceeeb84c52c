"""The JSON interface, version 1."""

from __future__ import annotations

from typing import Final

import orjson
from flask import Blueprint, Response, current_app, request

from audit_webhook import __version__
from audit_webhook.access.gate import required_reader
from audit_webhook.context import context_of
from audit_webhook.errors import InvalidParameter
from audit_webhook.explore.actors.activity import portray
from audit_webhook.explore.actors.document import document_of_actor, document_of_actors
from audit_webhook.explore.objects.document import document_of_life
from audit_webhook.explore.objects.life import history
from audit_webhook.explore.openapi import describe
from audit_webhook.explore.permissions.document import document_of_bindings, document_of_needs
from audit_webhook.search import cards, feed
from audit_webhook.search.addresses import Actor, place_from
from audit_webhook.search.completeness import find_shortfall
from audit_webhook.search.document import document_of, document_of_card, documents_of
from audit_webhook.search.event import story as events
from audit_webhook.search.export import Export
from audit_webhook.search.histogram.document import facets_of, histogram_of
from audit_webhook.search.histogram.histogram import Histogram

LONGEST_LIMIT: Final = 9
PICTURE_SECONDS: Final = 2.0
"""What is not counted by then is not; the answer says that it is not exact."""

bp = Blueprint("api", __name__, url_prefix="/api/v1")


@bp.get("/openapi.json")
def get_description() -> Response:
    """Give the OpenAPI document of this interface."""
    return _json(describe(request.script_root))


@bp.get("/events")
def get_events() -> Response:
    """Give a page of matching events, newest first, and the cursor of the next page."""
    parts = context_of(current_app)
    limit = _limit(request.args.get("limit", str(feed.PAGE)))
    page = feed.page(
        parts.repository, request.args.get("q", ""), request.args.get("cursor") or None, limit, parts.clock()
    )
    events = list(documents_of(parts.repository, page.raws, parts.clock()))
    return _json({"events": events, "next": page.next, **_shortfall()})


@bp.get("/events/<identifier>")
def get_event(identifier: str) -> Response:
    """Give one event with its raw JSON."""
    parts = context_of(current_app)
    story = events.story(parts.repository, identifier)
    card = cards.card_around(parts.repository, story.event, story.raw, parts.clock())
    raw = story.raw.decode("utf-8", "replace")
    return _json({**document_of(story.event, card), "raw": raw})


@bp.get("/status")
def get_status() -> Response:
    """Give who asks, what they may see, and which clusters were heard from."""
    parts, reader = context_of(current_app), required_reader()
    scope = reader.scope
    return _json({
        "version": __version__,
        "user": reader.name,
        "role": reader.role,
        "clusters": feed.clusters(parts.repository),
        "limited_to_clusters": sorted(scope.clusters) if scope.clusters is not None else None,
        "limited_to_namespaces": sorted(scope.namespaces) if scope.namespaces is not None else None,
    })


@bp.get("/live")
def get_live() -> Response:
    """Give the matching events that arrived since ``after`` was given, and the next ``after``."""
    parts, name = context_of(current_app), required_reader().name
    text, after, now = request.args.get("q", ""), request.args.get("after", ""), parts.clock()
    if not after:
        begun = parts.live_tokens.seal(name, feed.begin_live(parts.repository, now), now)
        return _json({"events": [], "more": 0, "after": begun})
    news = feed.arrivals_of(parts.repository, text, parts.live_tokens.open(name, after, now), now)
    events = list(documents_of(parts.repository, news.raws, now))
    return _json({"events": events, "more": news.more, "after": parts.live_tokens.seal(name, news.live, now)})


@bp.get("/permissions/<cluster>")
def get_permissions(cluster: str) -> Response:
    """Give which bindings of a cluster were used, and by whom."""
    parts, since = context_of(current_app), request.args.get("since", "7d")
    return _json(document_of_bindings(parts.repository, cluster, since, parts.clock()))


@bp.get("/permissions/<cluster>/<path:name>")
def get_needs(cluster: str, name: str) -> Response:
    """Give the least that an actor needs, as manifests in YAML."""
    parts, given = context_of(current_app), request.args
    are_apart = given.get("namespaces") == "apart"
    return _json(document_of_needs(
        parts.repository, Actor(cluster, name), given.get("since", "30d"), are_apart, parts.clock()
    ))


@bp.get("/commands")
def get_commands() -> Response:
    """Give a page of the commands behind matching events, newest first, and the cursor of the next page."""
    parts = context_of(current_app)
    limit = _limit(request.args.get("limit", str(feed.PAGE)))
    page = cards.page(
        parts.repository, request.args.get("q", ""), request.args.get("cursor") or None, limit, parts.clock(),
        "commands",
    )
    commands = [document_of_card(card) for card in page.cards]
    return _json({"commands": commands, "next": page.next, **_shortfall()})


@bp.get("/export")
def export_events() -> Response:
    """Give all matching events as a file, written while they are found."""
    parts = context_of(current_app)
    export = Export(
        parts.repository, request.args.get("q", ""), request.args.get("format", "ndjson"), parts.clock()
    )
    response = Response(iter(export), mimetype=export.format.media_type)
    response.call_on_close(export.close)
    response.headers["X-Oldest"] = export.oldest
    if request.method == "HEAD":
        export.close()  # Werkzeug closes no answer that has no body
    response.headers["Content-Disposition"] = f'attachment; filename="{export.filename}"'
    return response


@bp.get("/histogram")
def get_histogram() -> Response:
    """Give how many matching events happened when."""
    return _json(histogram_of(_draw(request.args.get("by", "outcome"))))


@bp.get("/facets")
def get_facets() -> Response:
    """Give the values that matching events have, and how often."""
    return _json(facets_of(_draw("outcome")))


@bp.get("/objects/<cluster>/<group>/<resource>/<namespace>/<path:name>")
def get_object(cluster: str, group: str, resource: str, namespace: str, name: str) -> Response:
    """Give the newest part of an object's life, or the part before an event."""
    parts = context_of(current_app)
    place = place_from(cluster, group, resource, namespace, name)
    return _json(document_of_life(history(parts.repository, place, request.args.get("before"), parts.clock())))


@bp.get("/actors/<cluster>")
def get_actors(cluster: str) -> Response:
    """Give who was seen in a cluster."""
    return _json(document_of_actors(context_of(current_app).repository, cluster))


@bp.get("/actors/<cluster>/<path:name>")
def get_actor(cluster: str, name: str) -> Response:
    """Give what is known of an actor."""
    parts = context_of(current_app)
    return _json(document_of_actor(portray(parts.repository, Actor(cluster, name), parts.clock())))


def _draw(by: str) -> Histogram:
    parts = context_of(current_app)
    return parts.pictures.draw(request.args.get("q", ""), by, parts.clock(), PICTURE_SECONDS)


def _shortfall() -> dict[str, str]:
    """Return why the answer may leave matches out, as a member of it; nothing when it does not."""
    parts = context_of(current_app)
    found = find_shortfall(parts.repository, request.args.get("q", ""), parts.clock())
    return {"shortfall": found} if found else {}


def _limit(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= LONGEST_LIMIT
    if not is_number or not 0 < int(text) <= feed.LARGEST_PAGE:
        raise InvalidParameter(f"limit is a number from 1 to {feed.LARGEST_PAGE}")
    return int(text)


def _json(value: dict[str, object]) -> Response:
    return Response(orjson.dumps(value), mimetype="application/json")
