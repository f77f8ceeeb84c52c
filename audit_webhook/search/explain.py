"""Explains files of audit events: each file by itself, as cards."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from audit_webhook.errors import MalformedBatch
from audit_webhook.events import lenient_json as tolerant
from audit_webhook.events.decode import NO_OBJECT, is_event, read_wire
from audit_webhook.events.redaction.redact import find_suspects, redact
from audit_webhook.events.sources.unwrap import unwrap_text
from audit_webhook.events.sources.unwrapped import Event
from audit_webhook.events.split import Broken, MalformedBody, Split, split
from audit_webhook.kubectl import Card, Request, cards_of, read_request
from audit_webhook.kubectl.request import Recorded, read_recorded, request_from
from audit_webhook.kubectl.sentences import sentence_of

GZIP: bytes = b"\x1f\x8b"
AT_ONCE: Final = 48
"""Events that are looked through for secrets at a time."""


class Explained(NamedTuple):
    """The cards of a file, and how many of its pieces are no events."""

    cards: list[Card]
    unreadable: int


def explain(body: bytes, cluster: str = "") -> Explained:
    """Explain an EventList, NDJSON, a log file or an export, gzipped or not; raises MalformedBatch."""
    try:
        text = gzip.decompress(body) if body.startswith(GZIP) else body
    except (EOFError, OSError, zlib.error) as error:
        raise MalformedBatch(f"it is no whole gzip file: {error}") from error
    try:
        parts = split(text)
    except MalformedBody as error:
        parts = Split([], [Broken(text, str(error))])
    items = [raw for raw in parts.items if is_plain(raw)]
    if len(items) != len(parts.items) or parts.broken:
        items, unreadable = find_events(text)
        if not items and not parts.items:
            raise MalformedBatch(parts.broken[0].reason)
    else:
        unreadable = 0
    found = list(_requests(items, cluster))
    return Explained(cards_of(found), unreadable + len(items) - len(found))


def is_plain(raw: bytes) -> bool:
    """Return whether an item is an audit event itself, in whatever way its JSON is written."""
    try:
        return is_event(read_wire(raw))
    except tolerant.Undecodable:
        return False


def find_events(text: bytes) -> tuple[list[bytes], int]:
    """Return the events of a text that wraps them, and how many of its pieces hold none."""
    items: list[bytes] = []
    others = 0
    for found in unwrap_text(text):
        if isinstance(found, Event):
            items.append(found.raw)
        else:
            others += 1
    return items, others


def _requests(items: Sequence[bytes], cluster: str) -> Iterator[Request]:
    """Yield the requests of those items that are JSON objects, their secrets masked, as they would be stored."""
    for start in range(0, len(items), AT_ONCE):
        read: list[tuple[bytes, Recorded]] = []
        for raw in items[start:start + AT_ONCE]:
            with suppress(tolerant.Undecodable):
                read.append((raw, read_recorded(raw)))
        suspects = frozenset(_suspects(read))
        for place, (raw, recorded) in enumerate(read):
            if place not in suspects:
                yield request_from(recorded, raw, cluster)
            elif (clean := redact(raw, *_facts(recorded))) is raw:
                yield request_from(recorded, raw, cluster)
            else:
                with suppress(tolerant.Undecodable):
                    yield read_request(clean, cluster)


def _suspects(read: Sequence[tuple[bytes, Recorded]]) -> list[int]:
    facts = [_facts(recorded) for _, recorded in read]
    return find_suspects([raw for raw, _ in read], *zip(*facts, strict=True)) if facts else []


def _facts(recorded: Recorded) -> tuple[str, str, str]:
    """Return the resource, the subresource and the URI, by which secrets are looked for."""
    target = recorded.object_ref or NO_OBJECT
    return target.resource or "", target.subresource or "", recorded.request_uri or ""


def document_of(source: str, card: Card) -> dict[str, object]:
    """Give a card as JSON shows it."""
    return {
        "source": source,
        "command": card.command,
        "confidence": card.confidence,
        "summary": sentence_of(card),
        "evidence": list(card.evidence),
        "unknown": list(card.unknown),
        "stdin": card.stdin or None,
        "events": list(card.audit_ids),
    }
