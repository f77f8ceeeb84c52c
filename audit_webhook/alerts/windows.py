"""What rules that look at more than one event remember: thresholds, sequences, and what was seen before.

Whoever writes events chooses the values, so that each rule remembers a bounded number of them, and of each no more
than its count. What was remembered longest without being asked for is forgotten first.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from audit_webhook.alerts.rule import New, Rule, Sequence, Threshold
from audit_webhook.alerts.rule_files import OBJECT
from audit_webhook.events.event import Event
from audit_webhook.query.fields import BY_NAME

MOST_KEYS: Final = 20_000
LEARNING: Final = 86_400_000_000
"""How long a rule about something new only looks on, in microseconds: on the first day everything is new."""
_REFRESH: Final = 3_600_000_000
_BEGINNING: Final = bytes(16)
"""The key under which a rule about something new remembers when it began to look on."""

Marks = tuple[tuple[bytes, int], ...]
"""What was seen of a key, each with its time in microseconds, oldest first."""


class Remembered(NamedTuple):
    """What is remembered of a key of a rule; in microseconds until when."""

    rule: str
    key: bytes
    ends: int
    marks: Marks


class Windows:
    """Remembers what was seen, and which of it is not yet stored."""

    def __init__(self, learning: int = LEARNING) -> None:
        """Begin with nothing; ``learning`` is how long rules about something new only look on, in microseconds."""
        self._rules: dict[str, OrderedDict[bytes, Marks]] = {}
        self._learning = learning
        self._changed: dict[tuple[str, bytes], int] = {}

    def load(self, remembered: Iterable[Remembered]) -> None:
        """Take what was stored before."""
        for each in sorted(remembered, key=lambda each: each.ends):
            self._rules.setdefault(each.rule, OrderedDict())[each.key] = each.marks

    def changes(self) -> list[Remembered]:
        """Return what is not stored yet."""
        return [
            Remembered(rule, key, ends, self._rules[rule][key])
            for (rule, key), ends in self._changed.items() if key in self._rules.get(rule, ())
        ]

    def note_stored(self) -> None:
        """Note that all changes were stored."""
        self._changed.clear()

    def fires(self, rule: Rule, event: Event, request: bytes, is_first: bool) -> bool:
        """Return whether an event that a rule matches raises an alert; ``is_first`` is one that begins a sequence."""
        if rule.threshold:
            return self._threshold(rule, rule.threshold, event, request)
        if rule.new:
            return self._new(rule, rule.new, event)
        if rule.sequence:
            return self._sequence(rule, rule.sequence, event, is_first)
        return True

    def _threshold(self, rule: Rule, threshold: Threshold, event: Event, request: bytes) -> bool:
        key = key_of(event, threshold.by)
        token = key_of(event, (threshold.distinct,)) if threshold.distinct else request
        marks = dict(self._get(rule.id, key))
        marks[token] = max(event.time, marks.get(token, 0))
        newest = max(marks.values())
        kept = sorted(
            ((mark, moment) for mark, moment in marks.items() if moment > newest - threshold.within),
            key=lambda mark: mark[1],
        )[-threshold.least:]
        self._set(rule.id, key, tuple(kept), newest + threshold.within)
        return len(kept) >= threshold.least and (token, marks[token]) in kept

    def _new(self, rule: Rule, new: New, event: Event) -> bool:
        key = key_of(event, new.of)
        begun = self._get(rule.id, _BEGINNING)
        if not begun:
            begun = ((_BEGINNING, event.time),)
            self._set(rule.id, _BEGINNING, begun, event.time + 100 * 366 * 86_400_000_000)
        seen = self._get(rule.id, key)
        last = seen[0][1] if seen else None
        if last is None or event.time > last + _REFRESH:
            self._set(rule.id, key, ((b"", event.time),), event.time + new.within)
        is_known = last is not None and event.time <= last + new.within
        return not is_known and event.time >= begun[0][1] + self._learning

    def _sequence(self, rule: Rule, sequence: Sequence, event: Event, is_first: bool) -> bool:
        key = key_of(event, sequence.by)
        if is_first:
            self._set(rule.id, key, ((b"", event.time),), event.time + sequence.within)
            return False
        marks = self._get(rule.id, key)
        return bool(marks) and 0 <= event.time - marks[0][1] <= sequence.within

    def _get(self, rule: str, key: bytes) -> Marks:
        known = self._rules.get(rule)
        if known is None or key not in known:
            return ()
        known.move_to_end(key)
        return known[key]

    def _set(self, rule: str, key: bytes, marks: Marks, ends: int) -> None:
        known = self._rules.setdefault(rule, OrderedDict())
        known[key] = marks
        known.move_to_end(key)
        if len(known) > MOST_KEYS:
            oldest = next(each for each in known if each != _BEGINNING)
            del known[oldest]
        self._changed[rule, key] = ends


def key_of(event: Event, fields: Iterable[str]) -> bytes:
    """Return a short key of an event's cluster and of its values of some fields."""
    digest = hashlib.blake2b(digest_size=16)
    for text in (event.cluster, *_values(event, fields)):
        encoded = text.encode("utf-8", "replace")
        digest.update(b"%d:%s" % (len(encoded), encoded))
    return digest.digest()


def _values(event: Event, fields: Iterable[str]) -> Iterator[str]:
    for field in fields:
        if field == OBJECT:
            yield from (event.api_group, event.resource, event.namespace, event.name)
        else:
            yield BY_NAME[field].value(event)
