"""An alert with a note and a mute, for tests that look at every page."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from audit_webhook.alerts.stores import open_stores
from audit_webhook.storage.alert_decision_store import Mute
from audit_webhook.storage.alert_outbox_store import Message
from audit_webhook.storage.alert_store import Alert, Note
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.search_sql import EVERYTHING, LAST
from tests import story

ALERT: Final = b"\xa1" * 16
SINKS: Final = """
[[sink]]
name = "on-call"
kind = "slack"
url = "https://hooks.example.com/services/T0/B0/x"
severity = "high"
quiet_hours = {from = "22:00", to = "06:30"}

[[sink]]
name = "tickets"
kind = "webhook"
url = "https://tickets.example.com/audit"
"""
PAGE: Final = f"/alerts/{ALERT.hex()}"


def raise_alert(repository: Repository) -> None:
    """Store an alert of the newest event of the story, with what was done about it."""
    stores, moment = open_stores(repository.database), story.NOW_US - 3_600_000_000
    event = repository.select_events(EVERYTHING, LAST, 1)[0].id
    alert = Alert(
        ALERT, b"g" * 16, "exec-node-escape", 4, "prod", "shop", "mallory", "pods/exec shop/web-0", "kubectl", "open",
        "", "", moment, moment, moment, moment, 3, 1, 1, event,
    )
    with stores.progress.write() as cursor:
        stores.alerts.insert_alert(cursor, alert)
        stores.alerts.insert_hits(cursor, [(b"h" * 16, ALERT, event, moment)])
    other = alert._replace(id=b"\xa2" * 16, group_key=b"o" * 16, rule="secrets-dumped", severity=3)
    with stores.progress.write() as cursor:
        stores.alerts.insert_alert(cursor, other)
    acknowledged = alert._replace(state="acknowledged", assignee="root")
    stores.alerts.set_state(acknowledged, Note(b"n" * 16, ALERT, moment, "root", "acknowledged", "looking"))
    stores.decisions.insert_mute(Mute(
        b"m" * 16, "secrets-dumped", "", "", "backup", "", "", story.NOW_US + 86_400_000_000, "nightly backup", moment,
        "root",
    ))
    message = Message(b"d" * 16, "on-call", b"g" * 16, "firing", "waiting", 4, 12, True, (ALERT,), moment, 2**60)
    with stores.progress.write() as cursor:
        stores.outbox.insert(cursor, message)
        stores.outbox.insert(cursor, message._replace(id=b"e" * 16))
        stores.outbox.note_failed(cursor, message._replace(state="dead", tries=12, error="it answered 500"), moment)


def write_sinks(folder: Path) -> Path:
    """Write a file of sinks, of which nothing is sent."""
    path = folder / "sinks.toml"
    path.write_text(SINKS)
    return path
