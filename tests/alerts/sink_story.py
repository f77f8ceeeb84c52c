"""Sinks, alerts and messages for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from audit_webhook.alerts.notifications.delivery import Delivery
from audit_webhook.alerts.notifications.outbox import News, Outbox
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from audit_webhook.alerts.stores import open_stores
from audit_webhook.storage.alert_outbox_store import Message
from audit_webhook.storage.alert_store import Alert
from audit_webhook.storage.repository import Repository
from tests.alerts.sink_server import wait_until
from tests.factories import NOON_US

MINUTE: int = 60_000_000
Make = Callable[[SinkShelf], Delivery]


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON_US

    def __call__(self) -> int:
        return self.now


def write_sinks(folder: Path, *tables: str) -> SinkShelf:
    """Write a file of sinks and return what reads it."""
    path = folder / "sinks.toml"
    path.write_text("\n".join(f"[[sink]]\n{table}\n" for table in tables))
    return SinkShelf(str(path))


def webhook(name: str, url: str, *more: str) -> str:
    """Return the table of a webhook."""
    return "\n".join((f'name = "{name}"', 'kind = "webhook"', f'url = "{url}"', *more))


def an_alert(number: int = 1, **changes: object) -> Alert:
    """Return an open alert, different for each number."""
    key = number.to_bytes(16, "big")
    alert = Alert(
        key, key, "secret-gone", 3, "prod", "shop", "mallory", f"secrets shop/s{number}", "kubectl", "open", "", "",
        NOON_US, NOON_US, NOON_US, NOON_US, 1, 0, 0, key,
    )
    return alert._replace(**changes)  # type: ignore[arg-type]


def store_alerts(repository: Repository, alerts: Sequence[Alert]) -> None:
    """Store alerts without telling anybody."""
    stores = open_stores(repository.database)
    with stores.progress.write() as cursor:
        for alert in alerts:
            stores.alerts.insert_alert(cursor, alert)


def tell(repository: Repository, shelf: SinkShelf, now: int, *news: News) -> None:
    """Tell of hits in one transaction."""
    stores = open_stores(repository.database)
    with stores.progress.write() as cursor:
        Outbox(stores.outbox, shelf).tell(cursor, news, now)


def waiting(repository: Repository, sink: str = "") -> list[Message]:
    """Return what waits, oldest first."""
    return open_stores(repository.database).outbox.messages("waiting", sink, 10_000)[::-1]


def deliver(one: Delivery) -> None:
    """Begin what is due and wait for its end."""
    one.work()
    wait_until(lambda: not any(thread.is_alive() for thread in one._threads.values()))


def prepare(repository: Repository, clock: Clock, shelf: SinkShelf, count: int = 1) -> None:
    """Store alerts and tell every sink of each."""
    alerts = [an_alert(number) for number in range(1, count + 1)]
    store_alerts(repository, alerts)
    for sink in shelf.sinks():
        for alert in alerts:
            tell(repository, shelf, clock.now, News(alert, 1, sink.name))


def error_of(repository: Repository, sink: str) -> str:
    """Return the last error of a sink."""
    return open_stores(repository.database).outbox.states()[sink].error
