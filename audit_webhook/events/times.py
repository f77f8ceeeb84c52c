"""When an event happened, as far as it says so itself.

An event has the time of its stage and that of the request's arrival; older versions of the API and some shippers have
other members (audit/v1beta1 and v1alpha1 types.go: ``timestamp``, ``metadata.creationTimestamp``). A time before the
year 2000, such as Go's zero time, is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from audit_webhook.events.ids import EARLIEST, LATEST, microseconds, milliseconds
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


def _texts(wire: Wire) -> Iterator[str]:
    """Return the texts that may say when, the best first."""
    metadata = wire.metadata
    found = (wire.stage_timestamp, wire.request_received_timestamp, wire.timestamp)
    yield from (text for text in (*found, metadata.creation_timestamp if metadata else None) if text)
