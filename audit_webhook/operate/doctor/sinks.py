"""Whether those who are to be told of alerts are told."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from audit_webhook.config import Config
from audit_webhook.operate.doctor.finding import Finding, ok, say_seconds, warn
from audit_webhook.storage.alert_outbox_store import DEAD, WAITING, AlertOutboxStore
from audit_webhook.storage.database import Database

CHECK: Final = "notifications"
LATE_SECONDS: Final = 900


def check_sinks_file(config: Config) -> Iterator[Finding]:
    """Look at the file of sinks; what its keys mean is for ``audit-webhook sinks list``."""
    if not config.sinks_file:
        return
    try:
        sinks = tomllib.loads(Path(config.sinks_file).read_text("utf-8")).get("sink", [])
        count = len(sinks) if isinstance(sinks, list) else 0
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        yield warn(CHECK, f"nobody is told of alerts: SINKS_FILE {config.sinks_file}: {error}", "mend the file")
        return
    advice = "let it hold tables [[sink]], see docs/alerts.md"
    yield ok(CHECK, f"{config.sinks_file} lists {count} sinks") if count else warn(
        CHECK, f"{config.sinks_file} lists no sink", advice
    )


def check_messages(database: Database, now: int) -> Iterator[Finding]:
    """Look for messages that are late or failed for good; the tables must be there. ``now`` is in microseconds."""
    store = AlertOutboxStore(database)
    fares = store.states()
    for (sink, state), pile in sorted(store.counts().items()):
        error = f": {fares[sink].error}" if sink in fares and fares[sink].error else ""
        late = (now - pile.since) / 1_000_000
        if state == DEAD:
            yield warn(
                CHECK, f"{pile.messages} messages to {sink} failed for good{error}",
                f"mend the sink, try `audit-webhook sinks test {sink}`, then `audit-webhook sinks retry {sink}`",
            )
        elif state == WAITING and late > LATE_SECONDS:
            what = f"{pile.messages} messages to {sink} wait, the first one for {say_seconds(late)}{error}"
            yield warn(CHECK, what, f"see that the service runs, and try `audit-webhook sinks test {sink}`")
