"""Sinks as a page and as JSON, for administrators; a test and a second try go through the outbox as all messages do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import orjson
from flask import Blueprint, Flask, Response, abort, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from audit_webhook.alerts.notifications.outbox import a_test
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from audit_webhook.alerts.notifications.view import document_of_message, document_of_sink, view_sinks
from audit_webhook.alerts.rule import SEVERITIES
from audit_webhook.context import context_of
from audit_webhook.errors import Forbidden, InvalidParameter
from audit_webhook.events.visible_text import shown
from audit_webhook.explore.api_blueprint import bp as api
from audit_webhook.storage.alert_outbox_store import DEAD, WAITING, AlertOutboxStore

EXTENSION: Final = "audit_webhook_sinks"
MOST_DEAD: Final = 100
MOST_TESTS: Final = 5
"""Messages of any kind that may wait for a sink when a test is asked for: one that is down needs no further test."""
_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)

bp = Blueprint("sinks", __name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the views of sinks need beside the application's own parts."""

    store: AlertOutboxStore
    shelf: SinkShelf


def register(app: Flask, shelf: SinkShelf) -> None:
    """Add the page to an application."""
    app.extensions[EXTENSION] = Parts(AlertOutboxStore(context_of(app).repository.database), shelf)
    app.register_blueprint(bp)


def _parts() -> Parts:
    found: Parts = current_app.extensions[EXTENSION]
    return found


@bp.before_request
def refuse_second_writer() -> None:
    """Refuse changes from a process that must not write to the SQLite file of another one."""
    if request.method == "POST" and not context_of(current_app).config.may_pages_write:
        raise Forbidden("With UI_PORT, messages are changed in MariaDB or MySQL only: set DB_HOST.")


@bp.get("/sinks")
def show_sinks() -> str:
    """Show how each sink fares, and which messages failed for good."""
    own, config = _parts(), context_of(current_app).config
    lines = view_sinks(own.store, own.shelf)
    dead = [
        (message, SEVERITIES[message.severity], shown(message.error))
        for message in own.store.messages(DEAD, "", MOST_DEAD)
    ]
    return render_template(
        "alerts/sinks.html", lines=lines, dead=dead, trouble=shown(own.shelf.trouble),
        is_set=bool(config.sinks_file), has_links=bool(config.public_url),
    )


@bp.post("/sinks/<sink>/test")
def send_test(sink: str) -> AnyResponse:
    """Let a test message be sent to a sink."""
    own, now = _parts(), context_of(current_app).clock()
    if own.shelf.find(sink) is None:
        abort(404)
    if len(own.store.messages(WAITING, sink, MOST_TESTS)) >= MOST_TESTS:
        raise InvalidParameter("Messages wait for this sink already, which shows whether it can be reached.")
    own.store.add(a_test(sink, now))
    return redirect(url_for("sinks.show_sinks", _anchor=f"sink-{sink}"), 303)


@bp.post("/sinks/<sink>/retry")
def retry_sink(sink: str) -> AnyResponse:
    """Let all dead messages of a sink be sent again."""
    if not _parts().store.revive(sink, context_of(current_app).clock()):
        abort(404)
    return redirect(url_for("sinks.show_sinks", _anchor=f"sink-{sink}"), 303)


@bp.post("/sinks/messages/<identifier>/retry")
def retry_message(identifier: str) -> AnyResponse:
    """Let a dead message be sent again."""
    now = context_of(current_app).clock()
    if not _ID.fullmatch(identifier) or not _parts().store.revive_one(bytes.fromhex(identifier), now):
        abort(404)
    return redirect(url_for("sinks.show_sinks", _anchor="dead"), 303)


@api.get("/sinks")
def get_sinks() -> Response:
    """Return how each sink fares, and the newest messages that failed for good."""
    own = _parts()
    return Response(orjson.dumps({
        "sinks": [document_of_sink(line) for line in view_sinks(own.store, own.shelf)],
        "dead": [document_of_message(message) for message in own.store.messages(DEAD, "", MOST_DEAD)],
        "trouble": shown(own.shelf.trouble) or None,
    }), mimetype="application/json")
