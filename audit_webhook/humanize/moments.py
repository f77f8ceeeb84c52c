"""Times for people: the clock's time in UTC, how long ago it was, and how long something took."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from audit_webhook.events.event import EPOCH, Event, rfc3339

SECOND: Final = 1_000_000
"""Microseconds in a second."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: for programs, exact for people, how long ago, and in UTC what a clock and a calendar show."""

    iso: str
    exact: str
    relative: str
    clock: str
    day: str

    @property
    def title(self) -> str:
        """The exact time and how long ago that was."""
        return f"{self.exact} ({self.age})"

    @property
    def short(self) -> str:
        """The day of the month and the time of day to the second."""
        return f"{self.day[4:-5]} {self.clock[:8]}"

    @property
    def age(self) -> str:
        """How long ago, as it stands in a sentence: ``27 s ago``, ``in 3 min``, ``now``, or the day."""
        is_span = self.relative[-1:].isalpha() and self.relative != "now" and not self.relative.startswith("in ")
        return f"{self.relative} ago" if is_span else self.relative


def moment_of_event(event: Event, now: int) -> Moment:
    """Return when an event happened, or when it was received where it does not say."""
    moment = moment_of(event.time, now)
    if event.is_time_recorded:
        return moment
    return replace(
        moment, exact=f"Time not recorded. Received {moment.exact}", relative=f"~ {moment.relative}",
        clock=f"~ {moment.clock}",
    )


def moment_of(microseconds: int, now: int) -> Moment:
    """Write a time in its three forms."""
    moment = EPOCH + timedelta(microseconds=microseconds)
    clock = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"
    day = f"{moment:%a} {moment.day} {moment:%b %Y}"
    age = write_age(now - microseconds) or f"{moment:%Y-%m-%d}"
    return Moment(rfc3339(microseconds), f"{day} {clock} UTC", age, clock, day)


def write_age(microseconds: int) -> str:
    """Say how long ago something was in a few characters; empty when that is a month or more."""
    seconds = abs(microseconds) // SECOND
    sign = "in " if microseconds < 0 else ""
    if seconds < 5:
        return "now"
    for size, unit in ((60, "s"), (3600, "min"), (86_400, "h"), (30 * 86_400, "d")):
        if seconds < size:
            return f"{sign}{seconds // _UNITS[unit]} {unit}"
    return ""


_UNITS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


def write_delay(microseconds: int) -> str:
    """Say how long something took, from a day on in days and hours: ``7 d 3 h``."""
    hours = microseconds // (3600 * SECOND)
    return f"{hours // 24} d {hours % 24} h" if hours >= 24 else write_duration(microseconds)


def write_duration(microseconds: int) -> str:
    """Say how long something took: ``9 ms``, ``1.2 s``, ``3 min 20 s``."""
    if microseconds < 1000:
        return f"{microseconds} µs"
    if microseconds < SECOND:
        return f"{microseconds / 1000:.0f} ms" if microseconds >= 10_000 else f"{microseconds / 1000:.1f} ms"
    seconds = microseconds / SECOND
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
