"""The pages that people read: the feed, its live part, and the event."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, jsonify, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from audit_webhook.access.gate import required_reader
from audit_webhook.context import context_of
from audit_webhook.humanize.moments import Moment, moment_of
from audit_webhook.query.parse import LONGEST_TEXT
from audit_webhook.query.suggest import find_by_id
from audit_webhook.search.cards import card_around
from audit_webhook.search.completion import complete
from audit_webhook.search.alert_marks import with_alerts
from audit_webhook.search.event import story as events
from audit_webhook.search.event.around import Step, step_from
from audit_webhook.search.event.initiator import find_initiator
from audit_webhook.search.event.view import Context, view_event
from audit_webhook.search.feed_view import SHOWN, View, fold_of, view_news, view_page
from audit_webhook.search.filters import narrow_by, view_filters
from audit_webhook.search.histogram.blueprint import draw_inline, query_of_request
from audit_webhook.search.saved_blueprint import shown_columns
from audit_webhook.search.search import event_of
from audit_webhook.search.time_range import Wanted, timeless, with_range
from audit_webhook.search.timeline.view import WAYS, view_timeline
from audit_webhook.web.render import compress, page_or_fragment, static_url

NAVIGATION: Final = (
    ("Feed", "ui.show_feed"),
    ("Timeline", "ui.show_timeline"),
    ("Actors", "explore.show_actors"),
    ("Permissions", "explore.show_permissions"),
    ("Clusters", "clusters.show_clusters"),
    ("Alerts", "alerts.show_alerts"),
    ("Losses", "losses.show_losses"),
    ("Setup", "setup.show_setup"),
)

bp = Blueprint("ui", __name__)
bp.add_app_template_global(static_url)
bp.after_app_request(compress)


@bp.app_context_processor
def share_navigation() -> dict[str, object]:
    """Give every page the list of pages."""
    return {"navigation": NAVIGATION}


@bp.app_template_global()
def moment(microseconds: int) -> Moment:
    """Give every page times in their three forms."""
    return moment_of(microseconds, context_of(current_app).clock())


@bp.get("/")
def show_feed() -> AnyResponse:
    """Show the newest matching events, or the page before a cursor; an id alone is looked for as an id."""
    if found := find_by_id(timeless(request.args.get("q", ""))):
        return redirect(url_for("ui.show_feed", q=found), 303)
    parts = context_of(current_app)
    text, cursor = query_of_request(), request.args.get("cursor", "")
    about = (parts.repository, text, cursor, parts.clock(), parts.config.offers_samples, _view())
    page = view_page(*about, around=request.args.get("around", "")[:26])
    page = replace(page, live=_sealed(page.live))
    picture = draw_inline(text) if request.args.get("counts") and page.has_picture else None
    return page_or_fragment(
        "feed/page.html", "feed/_rows.html", page, 400 if page.mistake else 200, picture=picture,
    )


@bp.get("/timeline")
def show_timeline() -> Response:
    """Show the events of a search on lanes over time."""
    parts = context_of(current_app)
    by = next((name for name, _ in WAYS if name == request.args.get("by")), WAYS[0][0])
    page = view_timeline(parts.repository, query_of_request(), by, parts.clock())
    return make_response(render_template("timeline/page.html", page=page, ways=WAYS), 400 if page.mistake else 200)


@bp.get("/feed/live")
def show_news() -> str:
    """Show what arrived since the last question of a live page."""
    parts = context_of(current_app)
    text, after = request.args.get("q", ""), request.args.get("after", "")
    position = parts.live_tokens.open(required_reader().name, after, parts.clock())
    news = view_news(parts.repository, text, position, parts.clock(), _view())
    return render_template("feed/_news.html", page=replace(news, live=_sealed(news.live)))


def _sealed(position: str) -> str:
    """Return the live token of a page: worth something to its reader alone, and for a quarter of an hour."""
    parts = context_of(current_app)
    return parts.live_tokens.seal(required_reader().name, position, parts.clock()) if position else ""


def _view() -> View:
    return View(request.args.get("show", ""), shown_columns())


@bp.app_template_global()
def ways_to_show() -> list[tuple[str, str, bool]]:
    """Give what a row of the feed may be: its name, its label, and whether it is what this page shows."""
    now_shown = fold_of(request.args.get("show", "")) or "events"
    return [(name, label, name == now_shown) for name, label in SHOWN]


@bp.get("/feed/complete")
def complete_query() -> Response:
    """Offer what may follow while a query is typed."""
    parts = context_of(current_app)
    before, after = request.args.get("before", "")[:LONGEST_TEXT], request.args.get("after", "")[:LONGEST_TEXT]
    completion = complete(parts.repository, before, after, parts.clock())
    return jsonify({**completion._asdict(), "offers": [offer._asdict() for offer in completion.offers]})


@bp.get("/feed/filters/<identifier>")
def show_filters(identifier: str) -> str:
    """Show to what of an event the search can be narrowed, and what it can leave out."""
    event = event_of(events.find_raw(context_of(current_app).repository, identifier))
    page = view_filters(event, request.args.get("q", ""))
    return render_template("feed/_filters.html", page=page, identifier=event.id)


@bp.get("/feed/narrow")
def narrow_feed() -> AnyResponse:
    """Go to the feed of a query narrowed by a term."""
    text = narrow_by(request.args.get("q", ""), request.args.get("term", ""))
    return redirect(f"{request.script_root}/?{urlencode({'q': text})}", 303)


@bp.get("/feed/range")
def choose_range() -> AnyResponse:
    """Go to the feed of a query in a range of time that a form gives."""
    given = (request.args.get(name, "")[:LONGEST_TEXT] for name in ("when", "from", "to", "zone"))
    text = with_range(request.args.get("q", "")[:LONGEST_TEXT], Wanted(*given), context_of(current_app).clock())
    return redirect(url_for("ui.show_feed", q=text), 303)


@bp.get("/events/<identifier>")
def show_event(identifier: str) -> Response:
    """Show one event."""
    parts = context_of(current_app)
    story = events.story(parts.repository, identifier)
    about = (parts.repository, story.event, story.raw, parts.clock())
    proxies = parts.config.trusted_source_proxies
    page = view_event(story, Context(card_around(*about), find_initiator(*about), proxies), parts.clock())
    page = replace(page, row=with_alerts(parts.repository, [page.row])[0])
    return page_or_fragment("event/page.html", "event/_panel.html", page)


@bp.get("/events/<identifier>/<any(newer, older):step>")
def step_event(identifier: str, step: Step) -> AnyResponse:
    """Go to the next newer or older event of a search, or stay at the last one and say so."""
    parts = context_of(current_app)
    text = request.args.get("q", "")[:LONGEST_TEXT]
    event = event_of(events.find_raw(parts.repository, identifier))
    found = step_from(parts.repository, event, text, step, parts.clock())
    end = None if found else step
    return redirect(url_for("ui.show_event", identifier=found or identifier, q=text or None, end=end), 303)


@bp.get("/events/<identifier>/raw")
def download_raw(identifier: str) -> Response:
    """Give the event's bytes as they are stored."""
    raw = events.find_raw(context_of(current_app).repository, identifier)
    response = make_response(raw.raw)
    response.mimetype = "application/json"
    response.headers["Content-Disposition"] = f'attachment; filename="{identifier}.json"'
    return response
