"""What a message says, before it is written for one kind of sink: no command, no body, nothing that could be secret.

It names rules, actors, objects and clusters, counts, times, and links to the pages of the alerts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from audit_webhook.alerts.rule import SEVERITIES, Rule
from audit_webhook.events.visible_text import shown
from audit_webhook.storage.alert_outbox_store import Message
from audit_webhook.storage.alert_store import Alert

LONGEST: Final = 200
"""Characters of a value of an event in texts for people."""
MOST_LINES: Final = 10
"""Alerts that a text for people lists."""


@dataclass(frozen=True, slots=True)
class Told:
    """An alert in a message; ``url`` is empty where PUBLIC_URL is not set, ``rule`` None when it is gone."""

    alert: Alert
    rule: Rule | None
    url: str

    @property
    def title(self) -> str:
        """Return what happened, as the rule says it."""
        return shown(self.rule.title if self.rule else self.alert.rule, longest=LONGEST)

    @property
    def actor(self) -> str:
        """Return who did it, safe to read."""
        return shown(self.alert.actor, longest=LONGEST)

    @property
    def object(self) -> str:
        """Return what it was done to, safe to read."""
        return shown(self.alert.object, longest=LONGEST)


@dataclass(frozen=True, slots=True)
class Notice:
    """A message with its alerts as they are now; ``now`` is the time of sending in microseconds."""

    message: Message
    told: tuple[Told, ...]
    now: int
    url: str

    @property
    def id(self) -> str:
        """Return the id, the same at every try."""
        return self.message.id.hex()

    @property
    def is_test(self) -> bool:
        """Return whether the message only shows that the sink can be reached."""
        return self.message.kind == "test"

    @property
    def severity(self) -> str:
        """Return the highest severity that it tells of."""
        return SEVERITIES[self.message.severity]

    @property
    def headline(self) -> str:
        """Return one line for people; it holds nothing that came out of an event."""
        if self.is_test:
            return "Test message: this sink receives alerts of the audit webhook"
        titles = {each.title for each in self.told}
        title = titles.pop() if len(titles) == 1 else f"{len(titles)} rules"
        hits = self.message.hits
        if self.message.kind == "resolved":
            return f"Closed: {title}"
        if self.message.is_more:
            return f"{hits:,} more: {title}"
        return f"{self.severity.capitalize()}: {title}" + (f" ({hits:,} hits)" if hits > 1 else "")


def notice_of(
    message: Message, find_alert: Callable[[bytes], Alert | None], find_rule: Callable[[str], Rule | None], base: str,
    now: int,
) -> Notice:
    """Return what a message says now, without alerts that are no longer stored; ``base`` is PUBLIC_URL or empty."""
    alerts = [alert for member in message.members if (alert := find_alert(member)) is not None]
    told = tuple(
        Told(alert, find_rule(alert.rule), f"{base}/alerts/{alert.id.hex()}" if base else "") for alert in alerts
    )
    return Notice(message, told, now, f"{base}/alerts" if base else "")
