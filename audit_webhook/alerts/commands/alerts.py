"""``audit-webhook alerts``."""

from __future__ import annotations

import argparse
from typing import Final

import orjson

from audit_webhook import command_line
from audit_webhook.alerts.document import document_of_alert
from audit_webhook.alerts.inbox import Choice, change, list_alerts, read_alert_id
from audit_webhook.alerts.notifications.outbox import Outbox
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.alerts.stores import open_stores
from audit_webhook.command_line import open_prepared
from audit_webhook.context import now
from audit_webhook.errors import InvalidParameter
from audit_webhook.events.event import rfc3339
from audit_webhook.events.visible_text import shown, write_out_json
from audit_webhook.storage.alert_store import Alert

HELP: Final = "list alerts, acknowledge, close or reopen one, or note something on it; exit code 1 when there is none"
NOTHING: Final = 1
ACTIONS: Final = ("list", "show", "acknowledge", "close", "reopen", "note")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do, and with which alerts."""
    parser.add_argument("action", choices=ACTIONS, help="what to do")
    parser.add_argument("id", nargs="?", default="", help="an alert, as `list` names it")
    parser.add_argument("--days", type=int, default=30, metavar="N", help="alerts of the last N days (30)")
    parser.add_argument("--state", default="", metavar="STATE", help="only open, acknowledged or closed ones")
    parser.add_argument("--rule", default="", metavar="ID", help="only those of a rule")
    parser.add_argument("--cluster", default="", metavar="NAME", help="only those of a cluster")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="at most N alerts (100)")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; closing needs one")
    parser.add_argument("--user", default="command line", metavar="NAME", help="who does it, for the record")
    parser.add_argument("--json", action="store_true", help="write JSON")


def run(chosen: argparse.Namespace) -> int:
    """Do it; return 1 when there is no such alert."""
    config = command_line.load_settings()
    repository = open_prepared(config)
    stores, shelf = open_stores(repository.database), RuleShelf(config.rules_dir)
    try:
        if chosen.action == "list":
            return _list(list_alerts(stores.alerts, _choice(chosen), chosen.limit, now()), shelf, chosen.json)
        alert = stores.alerts.find_alert(read_alert_id(chosen.id))
        if alert is None:
            print(f"there is no alert {shown(chosen.id)}")
            return NOTHING
        if chosen.action != "show":
            outbox = Outbox(stores.outbox, SinkShelf(config.sinks_file))
            alert = change(stores.alerts, alert, chosen.action, chosen.reason, chosen.user, now(), outbox)
        return _list([alert], shelf, chosen.json)
    finally:
        repository.close()


def _choice(chosen: argparse.Namespace) -> Choice:
    if chosen.days < 1:
        raise InvalidParameter("--days is a number from 1 on")
    return Choice(days=chosen.days, state=chosen.state, rule=chosen.rule, cluster=chosen.cluster)


def _list(alerts: list[Alert], shelf: RuleShelf, as_json: bool) -> int:
    for alert in alerts:
        document = document_of_alert(alert, shelf.find(alert.rule))
        if as_json:
            print(write_out_json(orjson.dumps(document).decode()))
            continue
        head = f"{alert.id.hex()}  {rfc3339(alert.last_time)[:19]}  {document['severity']:<8}  {alert.state:<12}"
        what = f"{shown(alert.actor)}  {shown(alert.object)}  ×{alert.hits}"
        print(f"{head}  {alert.cluster}  {document['title']}: {what}")
    return 0 if alerts else NOTHING
