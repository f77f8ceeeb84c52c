"""The command behind an event as its page shows it: the line, how sure it is and why, and its requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from audit_webhook.events.event import Event
from audit_webhook.events.visible_text import shown
from audit_webhook.kubectl import Card
from audit_webhook.search.card_rows import sent_of
from audit_webhook.search.cards import requests_on
from audit_webhook.search.event_rows import Sent

LONGEST_LINE: Final = 20_000
LONGEST_INPUT: Final = 100_000
MOST_FACTS: Final = 20
MOST_REQUESTS: Final = 200
_MEANINGS: Final = {
    "exact": "kubectl sent it, and no other command does",
    "likely": "other commands may send the same",
    "equivalent": "sent by another program; this does the same",
}


@dataclass(frozen=True, slots=True)
class CommandView:
    """A command, or an empty line where there is none; ``current`` is the request that the page is about."""

    line: str
    confidence: str
    meaning: str
    evidence: tuple[str, ...]
    unknown: tuple[str, ...]
    input: str
    is_input_cut: bool
    requests: tuple[Sent, ...]
    more: int
    current: str


def view_command(card: Card, event: Event, now: int) -> CommandView:
    """Show the card of an event."""
    requests = requests_on(card)
    own = next((each.id for each in requests if _is_same_request(each, event)), event.id)
    text = card.stdin
    return CommandView(
        line=shown(card.command or "", longest=LONGEST_LINE),
        confidence=card.confidence or "",
        meaning=_MEANINGS.get(card.confidence or "", ""),
        evidence=tuple(shown(fact, longest=300) for fact in card.evidence[:MOST_FACTS]),
        unknown=tuple(shown(fact, longest=300) for fact in card.unknown[:MOST_FACTS] if card.command),
        input=shown(text, kept="\n\t", longest=LONGEST_INPUT),
        is_input_cut=len(text) > LONGEST_INPUT,
        requests=tuple(sent_of(each, now) for each in requests[:MOST_REQUESTS]) if len(requests) > 1 else (),
        more=max(0, len(requests) - MOST_REQUESTS),
        current=own,
    )


def _is_same_request(one: Event, other: Event) -> bool:
    return (one.audit_id, one.requested, one.verb) == (other.audit_id, other.requested, other.verb)
