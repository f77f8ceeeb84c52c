"""Explains files of audit events: each file by itself, as cards."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from audit_webhook import tolerant
from audit_webhook.decode import NO_OBJECT
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
            yield _clean(read_request(raw, cluster), raw)
        except tolerant.Undecodable:
            continue


def _clean(request: Request, raw: bytes) -> Request:
    """Return a request with its secrets masked, as it would be stored."""
    target = request.recorded.object_ref or NO_OBJECT
    facts = target.resource or "", target.subresource or "", request.recorded.request_uri or ""
    if not find_suspects([raw], *([fact] for fact in facts)):
        return request
    return read_request(redact(raw, *facts), request.event.cluster)


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
