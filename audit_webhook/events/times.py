"""When an event happened, as far as it says so itself.

An event has the time of its stage and that of the request's arrival; older versions of the API and some shippers have
other members (audit/v1beta1 and v1alpha1 types.go: ``timestamp``, ``metadata.creationTimestamp``). A time before the
year 2000, such as Go's zero time, is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

from audit_webhook.events.ids import (
    EARLIEST, FRACTIONS, LATEST, SECONDS, exact_minute, microseconds, milliseconds,
)
from audit_webhook.events.wire import Wire

UNKNOWN: Final = 0
"""In the place of the milliseconds of an event that does not say when it happened."""
_EARLIEST, _LATEST = EARLIEST // 1000, LATEST // 1000


def event_time(wire: Wire) -> int | None:
    """Return when an event happened, in microseconds since the epoch; None when it does not say so."""
    moment = microseconds(wire.stage_timestamp or "")
    if moment is not None and EARLIEST <= moment <= LATEST:
        return moment
    moments = filter(None, map(microseconds, _texts(wire)))
    return next((min(moment, LATEST) for moment in moments if moment >= EARLIEST), None)


def event_milliseconds(wire: Wire) -> int:
    """Return when an event happened, in milliseconds since the epoch; `UNKNOWN` when it does not say so."""
    moment = milliseconds(wire.stage_timestamp or "")
    if moment is not None and moment >= _EARLIEST:
        return min(moment, _LATEST)
    other = event_time(wire)
    return UNKNOWN if other is None else other // 1000


def events_milliseconds(wires: Sequence[Wire]) -> list[int]:
    """Return `event_milliseconds` of each event: of times in the apiserver's form, as most are, in fewer steps."""
    texts: list[Any] = list(map(_stage_timestamp, wires))
    try:
        moments = [_minute(text[:16]) + SECONDS[text[16:19]] + FRACTIONS[text[19:23]] for text in texts]
        is_usual = _have_usual_ends(texts) and _EARLIEST <= min(moments) and max(moments) <= _LATEST
    except (KeyError, TypeError, ValueError):  # another form, or none
        is_usual = False
    return moments if is_usual else list(map(event_milliseconds, wires))


def _have_usual_ends(texts: Sequence[str]) -> bool:
    """Return whether each text has three digits and a Z behind the milliseconds, and nothing else."""
    joined = "".join(texts)
    digits = "".join(joined[place::_LENGTH] for place in range(23, 26))
    is_usual = joined[26::_LENGTH] == "Z" * len(texts) and digits.isascii() and digits.isdecimal()
    return is_usual and set(map(len, texts)) == {_LENGTH}


_LENGTH: Final = len("2006-01-02T15:04:05.000000Z")
_stage_timestamp: Final = attrgetter("stage_timestamp")
_minute: Any = exact_minute


def _texts(wire: Wire) -> Iterator[str]:
    """Return the texts that may say when, the best first."""
    metadata = wire.metadata
    found = (wire.stage_timestamp, wire.request_received_timestamp, wire.timestamp)
    yield from (text for text in (*found, metadata.creation_timestamp if metadata else None) if text)
