"""``audit-webhook sinks``."""

from __future__ import annotations

import argparse
import re
from typing import Final

import orjson

from audit_webhook import command_line
from audit_webhook.alerts.notifications.channels import try_to_send
from audit_webhook.alerts.notifications.notice import notice_of
from audit_webhook.alerts.notifications.outbox import a_test
from audit_webhook.alerts.notifications.sink_files import SinkError, read_sinks
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from audit_webhook.alerts.notifications.view import SinkLine, document_of_message, document_of_sink, view_sinks
from audit_webhook.command_line import open_prepared
from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.errors import InvalidParameter
from audit_webhook.events.event import rfc3339
from audit_webhook.events.visible_text import shown, write_out_json
from audit_webhook.storage.alert_outbox_store import DEAD, AlertOutboxStore

HELP: Final = "list who is told of alerts, send a test, list messages that failed for good, or send these again"
NO: Final = 1
_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do, and with which sink."""
    parser.add_argument("action", choices=("list", "test", "dead", "retry"), help="what to do")
    parser.add_argument("name", nargs="?", default="", help="a sink; for retry also the id of a message")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="for dead: at most N messages (100)")
    parser.add_argument("--json", action="store_true", help="write JSON")


def run(chosen: argparse.Namespace) -> int:
    """Do it; return 1 when the file cannot be used, the test failed, or there is nothing to do."""
    config = command_line.load_settings()
    try:
        sinks = read_sinks(config.sinks_file)
    except SinkError as error:
        print(error)
        return NO
    if chosen.action in ("test", "list") and not sinks:
        raise InvalidParameter("SINKS_FILE is not set, or lists no sink")
    if chosen.action == "test":
        return _test(config, chosen.name)
    repository = open_prepared(config)
    try:
        store = AlertOutboxStore(repository.database)
        if chosen.action == "list":
            return _list(view_sinks(store, SinkShelf(config.sinks_file)), chosen.json)
        if chosen.action == "dead":
            return _dead(store, chosen)
        return _retry(store, chosen.name)
    finally:
        repository.close()


def _test(config: Config, name: str) -> int:
    """Send a test message at once, past the outbox, and say what came of it."""
    sink = SinkShelf(config.sinks_file).find(name)
    if sink is None:
        raise InvalidParameter(f"there is no sink {name}: name one that `audit-webhook sinks list` lists")
    moment = now()
    failure = try_to_send(sink, notice_of(a_test(name, moment), lambda _: None, lambda _: None, "", moment))
    print(shown(f"{name}: {failure}" if failure else f"{name}: took the test message"))
    return NO if failure else 0


def _list(lines: list[SinkLine], as_json: bool) -> int:
    for line in lines:
        if as_json:
            print(write_out_json(orjson.dumps(document_of_sink(line)).decode()))
            continue
        counts = f"{line.fares.sent} sent, {line.waiting.messages} waiting, {line.dead.messages} dead"
        error = f"  {rfc3339(line.fares.erred)[:19]} {shown(line.fares.error)}" if line.state == "failing" else ""
        kind = line.sink.kind if line.sink else ""
        print(f"{line.name:<20}{kind:<14}{line.state:<16}{counts}{error}")
    return 0


def _dead(store: AlertOutboxStore, chosen: argparse.Namespace) -> int:
    messages = store.messages(DEAD, chosen.name, max(1, chosen.limit))
    for message in messages:
        document = document_of_message(message)
        if chosen.json:
            print(write_out_json(orjson.dumps(document).decode()))
        else:
            head = f"{document['id']}  {rfc3339(message.made)[:19]}  {message.sink}  {document['severity']}"
            print(f"{head}  {message.hits} hits, {message.tries} tries: {shown(message.error)}")
    return 0 if messages else NO


def _retry(store: AlertOutboxStore, name: str) -> int:
    """Let dead messages be sent again: one, those of a sink, or all."""
    if _ID.fullmatch(name):
        count = int(store.revive_one(bytes.fromhex(name), now()))
    else:
        count = store.revive(name, now())
    print(f"{count} messages are sent again by the server")
    return 0 if count else NO
