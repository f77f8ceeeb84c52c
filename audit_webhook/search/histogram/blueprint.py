"""The picture of a search, for the feed's page: bars and facets, continued until they are exact."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, current_app, render_template, request

from audit_webhook.access.gate import required_reader
from audit_webhook.context import context_of
from audit_webhook.search.histogram.histogram import FIRST_SECONDS, NEXT_SECONDS
from audit_webhook.search.histogram.view import HistogramView, view_histogram

INLINE_SECONDS: Final = 2.0

bp = Blueprint("picture", __name__)


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


def draw_inline(text: str) -> HistogramView:
    """Draw the picture into the page itself, for browsers without scripts."""
    parts = context_of(current_app)
    by = request.args.get("by") or "outcome"
    return view_histogram(parts.pictures.draw(text, by, parts.clock(), INLINE_SECONDS), text)
