"""Explains files of audit events: each file by itself, as cards."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from audit_webhook import tolerant
from audit_webhook.decode import NO_OBJECT, read_wire
from audit_webhook.errors import MalformedBatch
from audit_webhook.kubectl import Card, Request, cards_of, read_request
from audit_webhook.kubectl.sentences import sentence_of
from audit_webhook.redact import find_suspects, redact
from audit_webhook.split import MalformedBody, split

GZIP: bytes = b"\x1f\x8b"


class Explained(NamedTuple):
    """The cards of a file, and how many of its pieces are no events."""

    cards: list[Card]
    unreadable: int


def explain(body: bytes, cluster: str = "") -> Explained:
    """Explain an EventList, NDJSON or a log file, gzipped or not; raises MalformedBatch."""
    try:
        parts = split(gzip.decompress(body) if body.startswith(GZIP) else body)
    except MalformedBody as error:
        raise MalformedBatch(str(error)) from error
    except (EOFError, OSError, zlib.error) as error:
        raise MalformedBatch(f"it is no whole gzip file: {error}") from error
    found = list(_requests(parts.items, cluster))
    return Explained(cards_of(found), len(parts.broken) + len(parts.items) - len(found))


def _requests(items: Iterable[bytes], cluster: str) -> Iterable[Request]:
    for raw in items:
        try:
            yield read_request(_clean(raw), cluster)
        except tolerant.Undecodable:
            continue


def _clean(raw: bytes) -> bytes:
    """Return an event with its secrets masked, as it would be stored."""
    wire = read_wire(raw)
    target = wire.object_ref or NO_OBJECT
    facts = target.resource or "", target.subresource or "", wire.request_uri or ""
    return redact(raw, *facts) if find_suspects([raw], *([fact] for fact in facts)) else raw


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
