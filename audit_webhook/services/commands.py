"""The command that somebody typed to cause an event, as far as the program can tell."""

from __future__ import annotations

from typing import NamedTuple

from audit_webhook.event import Event


class Offer(NamedTuple):
    """A command line, and how sure it is."""

    command: str
    confidence: str


def offer_of(event: Event) -> Offer | None:
    """Give the command of an event as its field manager and subresource name it; None when kubectl did not send it."""
    return Offer(f"kubectl {event.command}", "named by the client") if event.command else None
