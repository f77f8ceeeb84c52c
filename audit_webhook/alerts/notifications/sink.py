"""A sink as a value: what it wants to be told of, when, and where that is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal, NamedTuple

from audit_webhook.alerts.rule import SEVERITIES
from audit_webhook.alerts.rule_book import Hit
from audit_webhook.query import Predicate

Kind = Literal["webhook", "slack", "alertmanager", "email"]
KINDS: Final[tuple[Kind, ...]] = ("webhook", "slack", "alertmanager", "email")
Grouping = Literal["rule", "alert"]
Encryption = Literal["starttls", "tls", "none"]


class QuietHours(NamedTuple):
    """From one minute of the day until another one, in a time zone; what is grave enough is told all the same."""

    start: int
    end: int
    zone: tzinfo
    least: int
    """The lowest severity that is told even then, as its place in `SEVERITIES`; one more than the last for none."""

    def until(self, now: int, severity: int) -> int:
        """Return until when a message of a severity waits, ``now`` when it need not; in microseconds."""
        local = datetime.fromtimestamp(now / 1e6, self.zone)
        minute = local.hour * 60 + local.minute
        is_over_midnight = self.start > self.end
        is_quiet = self.start <= minute or minute < self.end if is_over_midnight else self.start <= minute < self.end
        if severity >= self.least or not is_quiet:
            return now
        end = local.replace(hour=self.end // 60, minute=self.end % 60, second=0, microsecond=0)
        end += timedelta(days=1) if is_over_midnight and minute >= self.start else timedelta()
        return max(now, int(end.astimezone(UTC).timestamp() * 1e6))


@dataclass(frozen=True, slots=True)
class Post:
    """An address that takes POST; ``secret`` signs what is sent, ``authorization`` is that header's value."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    authorization: str = field(default="", repr=False)
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail server and who writes to whom."""

    host: str
    port: int
    encryption: Encryption
    sender: str
    to: tuple[str, ...]
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Sink:
    """One sink; ``severity`` is a place in `SEVERITIES`, ``interval`` in microseconds, empty ``clusters`` are all."""

    name: str
    kind: Kind
    target: Post | Mail
    severity: int = 0
    clusters: frozenset[str] = frozenset()
    query: str = ""
    matches: Predicate | None = field(default=None, repr=False, compare=False)
    quiet: QuietHours | None = None
    interval: int = 300_000_000
    group_by: Grouping = "rule"
    send_resolved: bool = False

    def wants(self, hit: Hit, raw: bytes) -> bool:
        """Return whether the sink is to be told of a hit, whose event is stored as these bytes."""
        if SEVERITIES.index(hit.severity) < self.severity or self.clusters and hit.event.cluster not in self.clusters:
            return False
        return self.matches is None or self.matches(hit.event, raw)

    def not_before(self, now: int, severity: int) -> int:
        """Return when a message of a severity may be sent at the earliest, in microseconds."""
        return self.quiet.until(now, severity) if self.quiet else now
