"""Stores the events that kube-apiservers gave up, as their own logs tell, so that they are shown as lost."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

import orjson

from audit_webhook.ingest.apiserver_log import GivenUp, read_given_up
from audit_webhook.ingest.lost_events import LostEvent
from audit_webhook.storage.loss_store import GIVEN_UP, Loss, LossStore, loss_id

AT_ONCE: Final = 50
MOST_BYTES: Final = 8 * 1024**2


class LossReport(NamedTuple):
    """What became of a file: its reports, the new ones among them, their events, and how many of these are named.

    ``other_plugins`` counts reports on the log backend, whose events were not on their way to a webhook.
    """

    path: str
    reports: int = 0
    new: int = 0
    events: int = 0
    named: int = 0
    other_plugins: int = 0


def import_losses(store: LossStore, cluster: str, path: str, lines: Iterable[bytes], now: int) -> LossReport:
    """Store the reports in the lines of a log; each is stored once, however often it is imported."""
    report = LossReport(path)
    found = read_given_up(lines, now)
    while batch := list(islice(found, AT_ONCE)):
        given_up = [each for each in batch if each.is_of_webhook]
        losses = {loss.id: loss for loss in (_loss_of(cluster, each) for each in given_up)}
        report = LossReport(
            path, report.reports + len(given_up), report.new + store.record(losses.values()),
            report.events + sum(each.events for each in given_up),
            report.named + sum(len(each.named) for each in given_up),
            report.other_plugins + len(batch) - len(given_up),
        )
    return report


def _loss_of(cluster: str, report: GivenUp) -> Loss:
    identifier = loss_id(GIVEN_UP, cluster, report.stamp, report.plugin, report.events, report.error)
    kept = list(_within_bytes(report.named))
    reason = f"{report.plugin}: {report.error or 'no reason is told'}".encode()[:500].decode("utf-8", "ignore")
    return Loss(
        identifier, cluster, GIVEN_UP, reason, "", report.time, report.time, events=report.events, named=len(kept),
        content=zlib.compress(orjson.dumps(kept)),
    )


def _within_bytes(events: Sequence[LostEvent]) -> Iterator[tuple[object, ...]]:
    left = MOST_BYTES
    for event in events:
        left -= sum(len(value) for value in event[1:]) + 32
        if left < 0:
            return
        yield tuple(_printable(value) if isinstance(value, str) else value for value in event)


def _printable(text: str) -> str:
    """Return a text that JSON can carry: Go writes a lone surrogate as an escape."""
    return text.encode("utf-8", "replace").decode()


def read_named(content: bytes) -> list[LostEvent]:
    """Return the events that a stored loss names."""
    return [LostEvent(*fields) for fields in orjson.loads(zlib.decompress(content))] if content else []
