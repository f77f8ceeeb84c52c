"""What `audit-webhook verify` has found wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from audit_webhook.events.ids import to_text

MOST: Final = 1_000
"""Findings that are kept; all are counted."""

Kind = Literal[
    "MODIFIED", "MISSING", "EXTRA", "REORDERED", "BAD_LINK", "GAP", "BAD_SIGNATURE", "TRUNCATED", "UNSEALED", "SCHEMA"
]


def name_of(identifier: bytes) -> str:
    """Return an id as text; one that somebody has changed may have any length."""
    return to_text(identifier) if len(identifier) == 16 else identifier.hex() or "unknown"


class Finding(NamedTuple):
    """One thing that is not as it was: what kind, the id or number of what it is about, and a sentence."""

    kind: Kind
    place: str
    text: str


@dataclass(slots=True)
class Findings:
    """The first findings, and how many there are of each kind."""

    first: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: Kind, place: str, text: str) -> None:
        """Note a finding."""
        self.counts[kind] += 1
        if len(self.first) < MOST:
            self.first.append(Finding(kind, place, text))
