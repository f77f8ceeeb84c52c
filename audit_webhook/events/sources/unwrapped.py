"""What was found in a line or a document: events, and what is none."""

from __future__ import annotations

from typing import Final, NamedTuple

PLAIN: Final = "audit.k8s.io"
DEEPEST: Final = 8
LARGEST: Final = 64 * 1024**2
"""Bytes of a document that are looked into; larger ones are told as such."""


class Event(NamedTuple):
    """The bytes of an event, the form that it came in, and whether it was cut."""

    raw: bytes
    form: str
    is_cut: bool = False


class Other(NamedTuple):
    """Something that is no audit event, by its name."""

    what: str


class Unreadable(NamedTuple):
    """Something that could not be read, and why."""

    reason: str


Found = Event | Other | Unreadable
