"""What was found in a line or a document: events, and what is none."""

from __future__ import annotations

from typing import Final, NamedTuple

PLAIN: Final = "audit.k8s.io"
DEEPEST: Final = 12
LARGEST: Final = 64 * 1024**2
"""Bytes of a document that are looked into; larger ones are told as such."""


class Event(NamedTuple):
    """The bytes of an event, the form that it came in, whether it was cut, and whose bytes they are.

    Those of one that is not ``is_own`` were written anew: by a shipper, or here. ``cut_off`` are the bytes of which
    only the beginning could be read.
    """

    raw: bytes
    form: str
    is_cut: bool = False
    is_own: bool = True
    cut_off: bytes = b""


class Other(NamedTuple):
    """Something that is no audit event, by its name."""

    what: str


class Unreadable(NamedTuple):
    """Something that could not be read, why, and its bytes where it is a part of more."""

    reason: str
    raw: bytes = b""


Found = Event | Other | Unreadable
