"""The picture of a search, for the feed's page: bars and facets, continued until they are exact."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, current_app, render_template, request

from audit_webhook.access.gate import required_reader
from audit_webhook.context import context_of
from audit_webhook.search.histogram.aggregate import CHARTED
from audit_webhook.search.histogram.histogram import FIRST_SECONDS, NEXT_SECONDS
from audit_webhook.search.histogram.values_view import view_values
from audit_webhook.search.histogram.view import HistogramView, view_histogram
from audit_webhook.search.time_range import usual_query

INLINE_SECONDS: Final = 2.0

RANGE_COOKIE: Final = "range"

bp = Blueprint("picture", __name__)


def query_of_request() -> str:
    """Return the query of the address; an address without any means the range that its reader chose last."""
    text = request.args.get("q")
    return usual_query(request.cookies.get(RANGE_COOKIE)) if text is None else text


@bp.get("/feed/picture")
def show_picture() -> str:
    """Show the bars and the facets of a search, or go on counting."""
    parts = context_of(current_app)
    text, by = request.args.get("q", ""), request.args.get("by") or "outcome"
    token = request.args.get("token")
    name = required_reader().name
    picture = parts.pictures.refine(token, reader=name) if token else None
    if picture is None:
        # Another process may have begun it: what takes its place here gets the time of a continuation.
        picture = parts.pictures.draw(text, by, parts.clock(), NEXT_SECONDS if token else FIRST_SECONDS, name)
    return render_template("feed/_picture.html", picture=view_histogram(picture, text))


@bp.get("/values")
def show_values() -> str:
    """Show the most frequent values of a field in a search."""
    parts = context_of(current_app)
    text = query_of_request()
    by = request.args.get("by", "")
    picture = parts.pictures.draw(text, by if by in CHARTED else CHARTED[0], parts.clock(), INLINE_SECONDS)
    return render_template("feed/values.html", page=view_values(picture, text))


def draw_inline(text: str) -> HistogramView:
    """Draw the picture into the page itself, for browsers without scripts."""
    parts = context_of(current_app)
    by = request.args.get("by") or "outcome"
    return view_histogram(parts.pictures.draw(text, by, parts.clock(), INLINE_SECONDS), text)
