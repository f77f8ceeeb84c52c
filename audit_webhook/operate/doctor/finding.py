"""What was found: how bad it is, what it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

Status = Literal["ok", "warn", "fail"]

STATUSES: Final[tuple[Status, ...]] = ("ok", "warn", "fail")
"""From good to bad: `warn` works today, `fail` loses events, refuses them, or keeps readers out."""
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


class Finding(NamedTuple):
    """One line: which check, how bad, what is so; and what to do, empty when nothing has to be done."""

    check: str
    status: Status
    what: str
    advice: str = ""


def ok(check: str, what: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(check, "ok", what)


def warn(check: str, what: str, advice: str) -> Finding:
    """Say what works now and may not for long."""
    return Finding(check, "warn", what, advice)


def fail(check: str, what: str, advice: str) -> Finding:
    """Say what does not work, or can lose events."""
    return Finding(check, "fail", what, advice)


def worst(findings: Iterable[Finding]) -> Status:
    """Give the worst status; ``ok`` when there are no findings."""
    return max((each.status for each in findings), key=STATUSES.index, default="ok")


def say_size(size: float) -> str:
    """Write a number of bytes for people."""
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.3g} {_UNITS[unit]}" if size < 1000 else f"{size:.0f} {_UNITS[unit]}"


def say_seconds(seconds: float) -> str:
    """Write a time for people, in the unit that suits it."""
    for length, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds * 1000:.0f} ms"
