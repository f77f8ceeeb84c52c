"""Cards as rows of the feed: the sentence of the command, the line that was typed, and its requests behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from audit_webhook.events.event import Event
from audit_webhook.events.visible_text import shown
from audit_webhook.humanize import badge, emphasis, outcome, summary, why
from audit_webhook.humanize.moments import moment_of_event
from audit_webhook.humanize.phrases import READS
from audit_webhook.kubectl import Card, parts_of
from audit_webhook.search.cards import requests_on
from audit_webhook.search.event_rows import Folded, Mark, Row, Sent, phrases_of, row_of

LONGEST_COMMAND: Final = 400
_STANDS_OUT: Final = ("hot", "warm", "plain", "quiet")


def row_of_card(card: Card, now: int, columns: Iterable[str] = ()) -> Row:
    """Turn a card into its row: what stands out in any of its requests stands out in it."""
    requests = requests_on(card)
    telling = card.main
    loudest = min(requests, key=lambda event: (_STANDS_OUT.index(emphasis(event)), event is not telling))
    result = _outcome_of(telling, requests)
    row = row_of(telling, now, columns)
    return replace(
        row,
        time=moment_of_event(max(card.events, key=lambda event: event.time), now),
        phrases=phrases_of(parts_of(card)),
        outcome=result,
        emphasis=emphasis(loudest),
        why=why(loudest),
        folded=Folded(
            command=shown(card.command or "", longest=LONGEST_COMMAND),
            confidence=card.confidence or "",
            requests=tuple(sent_of(event, now) for event in requests),
            ids=tuple(sorted(event.id for event in card.events)),
        ),
    )


def _outcome_of(telling: Event, requests: Iterable[Event]) -> Mark:
    """Return the outcome of a command: that of its writes, or how many of them failed when others did not.

    Reads may fail on the way, as when what is to be created is not there yet.
    """
    writes = [event for event in requests if event.verb not in READS]
    failed = [event for event in writes if (event.code or 0) >= 400]
    result = outcome(max(failed, key=lambda event: event.code or 0, default=telling))
    is_part = 0 < len(failed) < len(writes)
    return Mark(f"{len(failed)} of {len(writes)}" if is_part else shown(result.text), result.tone)


def sent_of(event: Event, now: int) -> Sent:
    """Show one of the requests of a command."""
    word, result = badge(event), outcome(event)
    return Sent(
        event.id, moment_of_event(event, now), Mark(shown(word.text), word.tone), shown(summary(event)),
        Mark(shown(result.text), result.tone),
    )
