"""An event as the JSON interface and exports show it: absent is null, times are RFC 3339 in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from audit_webhook.events.event import Event, rfc3339
from audit_webhook.humanize import summary
from audit_webhook.kubectl import Card, sentence_of
from audit_webhook.search.related import cards_by_event
from audit_webhook.search.search import event_of
from audit_webhook.storage.repository import Raw, Repository


def documents_of(repository: Repository, raws: Sequence[Raw], now: int) -> Iterator[dict[str, object]]:
    """Yield the documents of some events, each with the command that it is part of."""
    cards = cards_by_event(repository, raws, now)
    for raw in raws:
        event = event_of(raw)
        yield document_of(event, cards.get(event.id))


def document_of(event: Event, card: Card | None = None) -> dict[str, object]:
    """Return the event's fields under their public names, with the command that it is part of."""
    texts = {
        "level": event.level,
        "stage": event.stage,
        "verb": event.verb,
        "user": event.user,
        "effective_user": event.actor,
        "session": event.session,
        "impersonated_user": event.impersonated_user,
        "source_ip": event.source_ip,
        "user_agent": event.user_agent,
        "namespace": event.namespace,
        "group": event.api_group,
        "resource": event.resource,
        "subresource": event.subresource,
        "name": event.name,
        "decision": event.decision,
        "reason": event.reason,
        "request_uri": event.request_uri,
        "audit_id": event.audit_id,
    }
    return {
        "id": event.id,
        "cluster": event.cluster,
        "time": rfc3339(event.time),
        "time_recorded": event.is_time_recorded,
        "received": rfc3339(event.received),
        "code": event.code,
        "user_groups": list(event.user_groups),
        "claimed_ips": list(event.claimed_ips),
        "summary": summary(event),
        "kubectl": command_on(card) if card else None,
        **{name: text or None for name, text in texts.items()},
    }


def command_on(card: Card) -> dict[str, str] | None:
    """Give ``command`` and ``confidence`` of a card; None when there is no kubectl form."""
    if card.command is None or card.confidence is None:
        return None
    return {"command": card.command, "confidence": card.confidence}


def document_of_card(card: Card) -> dict[str, object]:
    """Give a command as the JSON interface shows it; its time is that of its first request."""
    return {
        "command": card.command,
        "confidence": card.confidence,
        "summary": sentence_of(card),
        "evidence": list(card.evidence),
        "unknown": list(card.unknown),
        "stdin": card.stdin or None,
        "cluster": card.main.cluster,
        "user": card.main.user or None,
        "effective_user": card.main.actor or None,
        "time": rfc3339(card.start),
        "events": sorted(event.id for event in card.events),
    }


COLUMNS: Final = tuple(document_of(Event(id="", cluster="", time=0)))
"""The public names, in the order of the document."""
