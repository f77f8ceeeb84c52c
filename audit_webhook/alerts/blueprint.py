"""Alerts and rules as pages and as JSON; who closes, mutes and switches is recorded with what they did."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

import orjson
from flask import Blueprint, Flask, Response, abort, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from audit_webhook.access.gate import required_reader, scope_of_request
from audit_webhook.alerts.coverage import DAYS as COVERAGE_DAYS
from audit_webhook.alerts.coverage import ClusterCoverage, document_of_coverage, view_coverage
from audit_webhook.alerts.document import document_of_alert, document_of_note, document_of_rule
from audit_webhook.alerts.inbox import MICROSECONDS_A_DAY, Choice, change, list_alerts, read_alert_id
from audit_webhook.alerts.notifications import blueprint as sink_pages
from audit_webhook.alerts.notifications.outbox import Outbox
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from audit_webhook.alerts.rule import SEVERITIES
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.alerts.rules_view import DAYS, is_on, view_rules
from audit_webhook.alerts.stores import Stores, open_stores
from audit_webhook.alerts.view import view_alert, view_inbox
from audit_webhook.context import context_of
from audit_webhook.errors import Forbidden, InvalidParameter
from audit_webhook.events.event import rfc3339
from audit_webhook.events.ids import to_text
from audit_webhook.events.visible_text import shown
from audit_webhook.explore.api_blueprint import bp as api
from audit_webhook.storage.alert_decision_store import Mute, Switch
from audit_webhook.storage.alert_store import LONGEST, STATES, Alert

EXTENSION: Final = "audit_webhook_alerts"
MUTE_DAYS: Final = (1, 7, 30, 90, 365)
SCOPES: Final = ("actor", "namespace", "client", "object", "cluster")
LIST_DAYS: Final = (1, 7, 30, 90)
MOST: Final = 1000

bp = Blueprint("alerts", __name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the views of this room need beside the application's own parts."""

    stores: Stores
    shelf: RuleShelf
    outbox: Outbox


def register(app: Flask) -> None:
    """Add the pages of this room to an application."""
    parts = context_of(app)
    stores = open_stores(parts.repository.database, scope_of_request)
    sinks = SinkShelf(parts.config.sinks_file)
    outbox = Outbox(stores.outbox, sinks)
    app.extensions[EXTENSION] = Parts(stores, RuleShelf(parts.config.rules_dir), outbox)
    app.register_blueprint(bp)
    sink_pages.register(app, sinks)


def _parts() -> Parts:
    found: Parts = current_app.extensions[EXTENSION]
    return found


@bp.before_request
def refuse_second_writer() -> None:
    """Refuse changes from a process that must not write to the SQLite file of another one."""
    if request.method == "POST" and not context_of(current_app).config.may_pages_write:
        raise Forbidden("With UI_PORT, alerts are changed in MariaDB or MySQL only: set DB_HOST.")


@bp.get("/alerts")
def show_alerts() -> str:
    """Show the inbox."""
    own, choice = _parts(), _choice()
    page = view_inbox(own.stores.alerts, own.shelf, choice, context_of(current_app).clock())
    return render_template(
        "alerts/inbox.html", page=page, states=("active", *STATES), severities=SEVERITIES, days=LIST_DAYS
    )


@bp.get("/alerts/<identifier>")
def show_alert(identifier: str) -> str:
    """Show one alert with its story."""
    own, parts = _parts(), context_of(current_app)
    story = view_alert(parts.repository, own.stores.alerts, own.shelf, _alert(identifier), parts.clock())
    return render_template("alerts/alert.html", page=story, mute_days=MUTE_DAYS)


@bp.post("/alerts/<identifier>/change")
def change_alert(identifier: str) -> AnyResponse:
    """Acknowledge, close, reopen, assign or note, as the form says."""
    alert, now = _alert(identifier), context_of(current_app).clock()
    action, text = request.form.get("action", ""), request.form.get("text", "")
    change(_parts().stores.alerts, alert, action, text, required_reader().name, now, _parts().outbox)
    return redirect(url_for("alerts.show_alert", identifier=identifier), 303)


@bp.post("/alerts/<identifier>/mute")
def mute_alert(identifier: str) -> AnyResponse:
    """Mute the rule of an alert for what the form names of it."""
    alert, now, reader = _alert(identifier), context_of(current_app).clock(), required_reader().name
    days, reason = _days(request.form.get("days", ""), MUTE_DAYS), request.form.get("reason", "").strip()
    if not reason or len(reason.encode("utf-8", "replace")) > LONGEST["reason"]:
        raise InvalidParameter("A reason is needed.")
    chosen = {name: getattr(alert, name) for name in SCOPES if name in request.form.getlist("scope")}
    if not any(chosen.values()):
        raise InvalidParameter("Choose what is muted: this actor, namespace, client, object or cluster.")
    scope = {name: chosen.get(name, "") for name in SCOPES}
    ends = now + days * MICROSECONDS_A_DAY
    _parts().stores.decisions.insert_mute(
        Mute(id=os.urandom(16), rule=alert.rule, ends=ends, reason=reason, made=now, made_by=reader, **scope)
    )
    said = ", ".join(f"{name} {value}" for name, value in chosen.items() if value)
    change(_parts().stores.alerts, alert, "note", f"muted for {days} days: {said[:600]}"[:900], reader, now)
    return redirect(url_for("alerts.show_mutes"), 303)


@bp.get("/alerts/mutes")
def show_mutes() -> str:
    """Show the mutes, those that hold first."""
    now = context_of(current_app).clock()
    mutes = sorted(_parts().stores.decisions.mutes(), key=lambda mute: not mute.is_active(now))
    lines = [
        (mute, mute.is_active(now), shown(mute.reason), [
            (name, shown(getattr(mute, name), longest=200)) for name in SCOPES if getattr(mute, name)
        ]) for mute in mutes
    ]
    return render_template("alerts/mutes.html", lines=lines)


@bp.post("/alerts/mutes/<identifier>/revoke")
def revoke_mute(identifier: str) -> AnyResponse:
    """End a mute now."""
    now = context_of(current_app).clock()
    _parts().stores.decisions.revoke_mute(read_alert_id(identifier), now, required_reader().name)
    return redirect(url_for("alerts.show_mutes"), 303)


@bp.get("/rules")
def show_rules() -> str:
    """Show the rules and what they found lately."""
    own, now = _parts(), context_of(current_app).clock()
    decisions = own.stores.decisions
    technique = request.args.get("technique", "")[:16]
    page = view_rules(own.stores.alerts, own.shelf, decisions.switches(), decisions.mutes(now), technique, now)
    return render_template("alerts/rules.html", page=page, days=DAYS)


@bp.get("/rules/coverage")
def show_coverage() -> str:
    """Show which rules can fire on each cluster."""
    found = _coverage()
    return render_template("alerts/coverage.html", clusters=found, days=COVERAGE_DAYS)


def _coverage() -> list[ClusterCoverage]:
    own, parts = _parts(), context_of(current_app)
    switches = own.stores.decisions.switches()
    rules = [rule for rule in own.shelf.rules() if is_on(rule, switches)]
    return view_coverage(parts.repository, rules, parts.clock())


@bp.post("/rules/<identifier>/switch")
def switch_rule(identifier: str) -> AnyResponse:
    """Turn a rule on or off."""
    rule = _parts().shelf.find(identifier)
    if rule is None:
        abort(404)
    wanted, now = request.form.get("on") == "yes", context_of(current_app).clock()
    _parts().stores.decisions.switch_rule(Switch(rule.id, wanted, now, required_reader().name))
    return redirect(url_for("alerts.show_rules", _anchor=rule.id), 303)


@api.get("/alerts")
def get_alerts() -> Response:
    """Return alerts, newest first."""
    own, limit = _parts(), _days(request.args.get("limit", "100"), range(1, MOST + 1))
    alerts = list_alerts(own.stores.alerts, _choice(), limit, context_of(current_app).clock())
    return _json({"alerts": [document_of_alert(alert, own.shelf.find(alert.rule)) for alert in alerts]})


@api.get("/alerts/<identifier>")
def get_alert(identifier: str) -> Response:
    """Return one alert with its events and all that was done about it."""
    own, alert = _parts(), _alert(identifier)
    events = own.stores.alerts.hits_of(alert.id, MOST)
    return _json({
        **document_of_alert(alert, own.shelf.find(alert.rule)),
        "events": [{"id": to_text(event), "time": rfc3339(happened)} for event, happened in events],
        "notes": [document_of_note(note) for note in own.stores.alerts.notes_of(alert.id)],
    })


@api.get("/rules")
def get_rules() -> Response:
    """Return the rules with what they found in 30 days."""
    own, now = _parts(), context_of(current_app).clock()
    counts = {each.rule: each for each in own.stores.alerts.count_by_rule(now - DAYS * MICROSECONDS_A_DAY)}
    switches = own.stores.decisions.switches()
    rules = [document_of_rule(rule, is_on(rule, switches), counts.get(rule.id)) for rule in own.shelf.rules()]
    return _json({"rules": rules, "trouble": own.shelf.trouble or None})


@api.get("/rules/coverage")
def get_coverage() -> Response:
    """Return which rules can fire on each cluster."""
    return _json({"clusters": [document_of_coverage(each) for each in _coverage()]})


def _choice() -> Choice:
    """Read which alerts are wanted; raises InvalidParameter."""
    given = {name: request.args.get(name, "") for name in ("state", "severity", "rule", "cluster", "actor")}
    return Choice(days=_days(request.args.get("days", "30"), range(1, 3651)), **given)


def _days(text: str, allowed: range | tuple[int, ...]) -> int:
    """Read a number; raises InvalidParameter."""
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) not in allowed:
        raise InvalidParameter(f"a number from {allowed[0]} to {allowed[-1]} is needed")
    return int(text)


def _alert(identifier: str) -> Alert:
    try:
        alert = _parts().stores.alerts.find_alert(read_alert_id(identifier))
    except InvalidParameter:
        alert = None
    if alert is None:
        abort(404)
    return alert


def _json(document: dict[str, object]) -> Response:
    return Response(orjson.dumps(document), mimetype="application/json")
