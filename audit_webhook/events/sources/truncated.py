"""Saves what is intact of an event that was cut off: who did what, when and on which object."""

from __future__ import annotations

from typing import Any, Final

import orjson

from audit_webhook.events.json_scanner import BrokenJSON, each_member
from audit_webhook.events.sources.rewritten import ORDER, is_event, restore

TRUNCATED: Final = "audit.k8s.io/truncated"
SKIPPED: Final = "skipped-too-big-size-object"
"""What AKS puts into the place of a body."""
_BODIES: Final = ("requestObject", "responseObject")


def salvage(raw: bytes) -> bytes | None:
    """Return the event of the members before the break, marked as truncated; None when these are too few."""
    found: dict[str, Any] = {}
    try:
        for member in each_member(raw):
            if member.key in ORDER:
                found[member.key] = orjson.loads(raw[member.start:member.end])
    except (BrokenJSON, orjson.JSONDecodeError, RecursionError):
        pass  # what stands before the break is what can be had
    return mark(found) if is_event(found) and "user" in found else None


def has_skipped_body(document: dict[str, Any]) -> bool:
    """Return whether a cloud left a body out."""
    return any(document.get(name) == SKIPPED for name in _BODIES)


def mark(document: dict[str, Any]) -> bytes:
    """Return an event with the mark of one whose bodies were cut off."""
    kept = {name: value for name, value in document.items() if value != SKIPPED or name not in _BODIES}
    notes = document.get("annotations")
    return restore({**kept, "annotations": {**(notes if isinstance(notes, dict) else {}), TRUNCATED: "true"}})
