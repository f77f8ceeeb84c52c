"""Events as lines for a terminal: when, where, how it ended, and what happened in a sentence."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from audit_webhook.events.event import EPOCH, Event
from audit_webhook.events.visible_text import shown
from audit_webhook.humanize import summary
from audit_webhook.query import QueryError

LONGEST: Final = 500


def line_of(event: Event) -> str:
    """Write an event in one line; nothing that came from it can move the cursor or colour the terminal."""
    moment = f"{EPOCH + timedelta(microseconds=event.time):%Y-%m-%d %H:%M:%S}Z"
    code = "  -" if event.code is None else str(event.code)
    return f"{moment}  {shown(event.cluster, longest=63)}  {code}  {shown(summary(event), longest=LONGEST)}"


def explain(text: str, error: QueryError) -> str:
    """Show a query with a mark under its mistake, and say what was expected there."""
    pointer = " " * error.position + "^" * max(1, error.length)
    expected = f"\nexpected: {', '.join(error.expected)}" if error.expected else ""
    return f"{error.message}\n  {shown(text)}\n  {pointer}{expected}"
