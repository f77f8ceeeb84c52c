"""Saved searches: the menu on the feed's page, saving and deleting; and what stays the same from page to page."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, current_app, redirect, request, url_for
from werkzeug.wrappers import Response

from audit_webhook.access.gate import required_reader
from audit_webhook.context import context_of
from audit_webhook.errors import Forbidden
from audit_webhook.search import saved

KEPT: Final = ("columns", "by", "counts", "show")
PLACES: Final = ("ui.show_feed", "ui.show_news", "ui.choose_range", "picture.show_picture")

bp = Blueprint("saved", __name__)


@bp.before_request
def refuse_second_writer() -> None:
    """Refuse to save from a process that must not write to the SQLite file of another one."""
    if not context_of(current_app).config.may_pages_write:
        raise Forbidden("With UI_PORT, searches are saved in MariaDB or MySQL only: set DB_HOST.")


@bp.app_url_defaults
def keep_view(endpoint: str, values: dict[str, Any]) -> None:
    """Let links between views of the feed keep the columns and colours that were chosen."""
    if endpoint in PLACES and request and request.endpoint in PLACES:
        for name in KEPT:
            values.setdefault(name, request.args.getlist(name) or None)


@bp.app_template_global()
def shown_columns() -> tuple[str, ...]:
    """Give the columns that the rows of this page have."""
    return saved.choose_columns(request.args.getlist("columns"))


@bp.app_template_global()
def all_columns() -> list[saved.Column]:
    """Give every column, and whether this page has it."""
    return saved.list_columns(shown_columns())


@bp.app_template_global()
def saved_searches() -> list[saved.Shortcut]:
    """Give the saved searches."""
    return saved.list_saved(context_of(current_app).repository, required_reader())


@bp.post("/saved")
def save_search() -> Response:
    """Save the search of the form and show it."""
    parts = context_of(current_app)
    text, columns = request.form.get("q", ""), request.form.getlist("columns")
    saved.save(parts.repository, request.form.get("name", ""), text, columns, parts.clock(), required_reader())
    return redirect(url_for("ui.show_feed", q=text, columns=columns or None), 303)


@bp.post("/saved/<identifier>/delete")
def delete_search(identifier: str) -> Response:
    """Delete a saved search and show the search that the reader was at."""
    saved.delete(context_of(current_app).repository, identifier, required_reader())
    return redirect(url_for("ui.show_feed", q=request.form.get("q")), 303)
