"""Tries rules on files of events: how many alerts each would raise, without a store."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from audit_webhook.alerts.grouping import group_key, hit_id, subject_of
from audit_webhook.alerts.rule import Rule
from audit_webhook.alerts.rule_book import RuleBook
from audit_webhook.alerts.windows import Windows
from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.ids import to_text
from audit_webhook.events.split import split


class Noise(NamedTuple):
    """How many events were looked at, and by rule how many alerts and hits there were."""

    events: int
    alerts: Counter[str]
    hits: Counter[str]


def measure(rules: Iterable[Rule], paths: Iterable[Path], learning: int) -> Noise:
    """Return what rules find in batches as an apiserver posts them, or in files of one event a line, also gzipped.

    ``learning`` is how long rules about something new only look on, in microseconds of the events' time.
    """
    book, windows = RuleBook(rules), Windows(learning)
    groups: set[bytes] = set()
    known: set[bytes] = set()
    alerts: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    number = 0
    for number, raw in enumerate(_events(paths), 1):
        event = to_event(read_wire(raw), raw, "recorded", to_text(number.to_bytes(16, "big")))
        for hit in book.hits(event, raw, (*book.candidates(event), *book.searched(event, raw)), windows):
            if (identifier := hit_id(hit)) in known:
                continue
            known.add(identifier)
            hits[hit.rule.id] += 1
            key = group_key(hit, subject_of(hit.rule, event))
            alerts[hit.rule.id] += key not in groups
            groups.add(key)
    return Noise(number, alerts, hits)


def _events(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        content = path.read_bytes()
        plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        head = plain[:200].lstrip()
        if head.startswith((b'{"kind":"EventList"', b'{"kind": "EventList"', b"[")) or b'"items"' in head:
            yield from split(plain).items
        else:
            yield from filter(None, (line.strip() for line in plain.splitlines()))
