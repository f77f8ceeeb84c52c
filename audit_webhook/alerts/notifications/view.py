"""How each sink fares, for the page, the JSON interface, the command line and the metrics; nothing secret is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from audit_webhook.alerts.notifications.sink import Mail, QuietHours, Sink
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from audit_webhook.alerts.rule import SEVERITIES
from audit_webhook.events.event import rfc3339
from audit_webhook.events.visible_text import shown
from audit_webhook.operate.sink_metrics import SinkSample
from audit_webhook.storage.alert_outbox_store import DEAD, WAITING, AlertOutboxStore, Message, Pile, SinkState

MOST_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class SinkLine:
    """One sink; ``sink`` is None for one that the file no longer lists. Times in microseconds, 0 for never."""

    name: str
    sink: Sink | None
    state: str
    fares: SinkState
    waiting: Pile
    dead: Pile

    @property
    def where(self) -> str:
        """Return the host that messages go to: the rest of an address may be a secret."""
        if self.sink is None:
            return ""
        if isinstance(self.sink.target, Mail):
            return shown(f"{self.sink.target.host} for {', '.join(self.sink.target.to)}", longest=MOST_SHOWN)
        return shown(urlsplit(self.sink.target.url).netloc, longest=MOST_SHOWN)

    @property
    def wants(self) -> str:
        """Return what the sink wants to be told of, in words."""
        if self.sink is None:
            return ""
        clusters = f" in {', '.join(sorted(self.sink.clusters))}" if self.sink.clusters else ""
        query = f" matching {self.sink.query}" if self.sink.query else ""
        quiet = f", quiet {say_quiet(self.sink.quiet)}" if self.sink.quiet else ""
        severity = f"{SEVERITIES[self.sink.severity]} and above" if self.sink.severity else "all severities"
        return shown(f"{severity}{clusters}{query}{quiet}", longest=2 * MOST_SHOWN)


def say_quiet(quiet: QuietHours) -> str:
    """Return quiet hours as a text such as ``22:00 to 06:30 UTC``."""
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (quiet.start, quiet.end))
    return f"{start} to {end} {quiet.zone}"


def view_sinks(store: AlertOutboxStore, shelf: SinkShelf) -> list[SinkLine]:
    """Return the sinks of the file, and behind them those of which messages are left."""
    counts, fares = store.counts(), store.states()
    listed = {sink.name: sink for sink in shelf.sinks()}
    names = [*listed, *sorted({name for name, _ in counts} - listed.keys())]
    return [
        _line(name, listed.get(name), fares.get(name, SinkState(name)), counts.get((name, WAITING), Pile()),
              counts.get((name, DEAD), Pile())) for name in names
    ]


def _line(name: str, sink: Sink | None, fares: SinkState, waiting: Pile, dead: Pile) -> SinkLine:
    if sink is None:
        state = "not in the file"
    elif fares.erred > fares.succeeded:
        state = "failing"
    elif dead.messages:
        state = "dead letters"
    else:
        state = "working" if fares.succeeded else "not used yet"
    return SinkLine(name, sink, state, fares, waiting, dead)


def document_of_sink(line: SinkLine) -> dict[str, object]:
    """Return a sink for the JSON interface; absent values are null, and times RFC 3339 in UTC."""
    sink, fares = line.sink, line.fares
    return {
        "name": line.name, "kind": sink.kind if sink else None, "where": line.where or None, "state": line.state,
        "severity": SEVERITIES[sink.severity] if sink else None, "clusters": sorted(sink.clusters) if sink else [],
        "query": sink.query or None if sink else None, "send_resolved": sink.send_resolved if sink else False,
        "waiting": line.waiting.messages, "oldest_waiting": _time(line.waiting.oldest), "dead": line.dead.messages,
        "sent": fares.sent, "failed": fares.failed, "last_success": _time(fares.succeeded),
        "last_failure": _time(fares.erred), "last_error": shown(fares.error) or None,
    }


def document_of_message(message: Message) -> dict[str, object]:
    """Return a message for the JSON interface."""
    return {
        "id": message.id.hex(), "sink": message.sink, "kind": message.kind, "severity": SEVERITIES[message.severity],
        "hits": message.hits, "alerts": [member.hex() for member in message.members], "made": rfc3339(message.made),
        "tries": message.tries, "error": shown(message.error) or None,
    }


def sample_sinks(store: AlertOutboxStore, shelf: SinkShelf, now: int) -> list[SinkSample]:
    """Return how each sink fares, for the metrics; ``now`` is in microseconds."""
    return [
        SinkSample(
            line.name, line.waiting.messages, line.dead.messages, line.fares.sent, line.fares.failed,
            max(0.0, (now - line.waiting.since) / 1e6) if line.waiting.messages else 0.0,
        ) for line in view_sinks(store, shelf)
    ]


def _time(moment: int) -> str | None:
    return rfc3339(moment) if moment else None
