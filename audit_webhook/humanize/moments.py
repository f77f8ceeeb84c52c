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
    """A time: for programs, exact for people, and how long ago."""

    iso: str
    exact: str
    relative: str


def moment_of_event(event: Event, now: int) -> Moment:
    """Return when an event happened, or when it was received where it does not say."""
    moment = moment_of(event.time, now)
    if event.is_time_recorded:
        return moment
    return replace(moment, exact=f"Time not recorded. Received {moment.exact}", relative=f"~ {moment.relative}")


def moment_of(microseconds: int, now: int) -> Moment:
    """Write a time in its three forms."""
    moment = EPOCH + timedelta(microseconds=microseconds)
    exact = f"{moment:%a} {moment.day} {moment:%b %Y %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"
    return Moment(rfc3339(microseconds), exact, write_age(now - microseconds) or f"{moment:%Y-%m-%d}")


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
