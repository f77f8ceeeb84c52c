"""The tables of this room, opened together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from audit_webhook.storage.alert_decision_store import AlertDecisionStore
from audit_webhook.storage.alert_outbox_store import AlertOutboxStore
from audit_webhook.storage.alert_progress_store import AlertProgressStore
from audit_webhook.storage.alert_store import AlertStore
from audit_webhook.storage.database import Database
from audit_webhook.storage.scope import EVERYWHERE, Scope


class Stores(NamedTuple):
    """The tables that hold alerts, how far evaluation came, what people decided, and what sinks are to be told."""

    alerts: AlertStore
    progress: AlertProgressStore
    decisions: AlertDecisionStore
    outbox: AlertOutboxStore


def open_stores(database: Database, scope: Callable[[], Scope] = lambda: EVERYWHERE) -> Stores:
    """Return the tables; ``scope`` tells which alerts may be seen at a moment."""
    return Stores(
        AlertStore(database, scope), AlertProgressStore(database), AlertDecisionStore(database),
        AlertOutboxStore(database),
    )
