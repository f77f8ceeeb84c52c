"""How much a cluster sends: events and bytes by what they have in common, from the tallies of whole days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from audit_webhook.events.event import Event
from audit_webhook.search.histogram.aggregate import outcome_of
from audit_webhook.search.histogram.dimensions import Dimensions
from audit_webhook.storage.chunks.counts import DAY, Key, add_lanes, merge
from audit_webhook.storage.repository import Repository

MICROSECONDS: Final = 1000


class Amount(NamedTuple):
    """A number of events and their raw bytes."""

    events: int = 0
    raw_bytes: int = 0

    def plus(self, other: Amount) -> Amount:
        """Add two amounts."""
        return Amount(self.events + other.events, self.raw_bytes + other.raw_bytes)


class Traffic(NamedTuple):
    """Events that are alike in all but time and name, and how many there are."""

    event: Event
    amount: Amount


Split = dict[str, Amount]
LEVELS: Final = ("None", "Metadata", "Request", "RequestResponse")


def read_traffic(repository: Repository, dimensions: Dimensions, days: int, now: int) -> dict[str, list[Traffic]]:
    """Give, for each cluster, what it sent on the last days, today included; days begin at midnight UTC."""
    today = now // MICROSECONDS // DAY * DAY
    totals: dict[Key, Amount] = defaultdict(Amount)
    for row in repository.tallies.select_tallies(today - (days - 1) * DAY, today + DAY):
        for key, count in merge([row.content]).items():
            totals[key] = totals[key].plus(Amount(add_lanes(count.lanes), count.raw_bytes))
    events = dimensions.events(totals)
    found: dict[str, list[Traffic]] = defaultdict(list)
    for key, amount in totals.items():
        found[events[key].cluster].append(Traffic(events[key], amount))
    return found


def split(traffic: Iterable[Traffic], name: Callable[[Event], str]) -> Split:
    """Add traffic up by a name, most bytes first."""
    amounts: Split = defaultdict(Amount)
    for event, amount in traffic:
        amounts[name(event)] = amounts[name(event)].plus(amount)
    return dict(sorted(amounts.items(), key=lambda item: (-item[1].raw_bytes, item[0])))


def total(traffic: Iterable[Traffic]) -> Amount:
    """Add traffic up."""
    result = Amount()
    for _, amount in traffic:
        result = result.plus(amount)
    return result


def resource_of(event: Event) -> str:
    """Name a resource with its subresource and group: ``pods/log``, ``deployments.apps``."""
    name = f"{event.resource}/{event.subresource}" if event.subresource else event.resource
    return f"{name}.{event.api_group}" if event.api_group else name


BY: Final[tuple[tuple[str, Callable[[Event], str]], ...]] = (
    ("Verb", lambda event: event.verb),
    ("Resource", resource_of),
    ("Actor", lambda event: event.actor),
    ("Level", lambda event: event.level),
    ("Outcome", outcome_of),
)


def write_bytes(size: int) -> str:
    """Write a number of bytes in a few characters."""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.1f} {unit}"
