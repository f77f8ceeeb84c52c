"""The kubectl command of one event by itself, for lists and pages that show single events."""

from __future__ import annotations

import msgspec

from audit_webhook.event import Event
from audit_webhook.kubectl import Card, Run, read_request, request_of, tell


def card_of(event: Event, raw: bytes = b"") -> Card:
    """Give the command of one event: from its bytes when given, else from what stands beside its bodies."""
    if raw:
        return tell(Run(read_request(raw, event.cluster, event)))
    return tell(Run(request_of(msgspec.structs.replace(event, level="Metadata"))))


def command_of(event: Event, raw: bytes = b"") -> dict[str, str] | None:
    """Give ``command`` and ``confidence``; None when there is no kubectl form.

    One event does not know the others of its command, such as the list with which ``delete --all`` begins: what it
    says of kubectl is likely at most.
    """
    card = card_of(event, raw)
    if card.command is None or card.confidence is None:
        return None
    confidence = "likely" if card.confidence == "exact" else card.confidence
    return {"command": card.command, "confidence": confidence}
