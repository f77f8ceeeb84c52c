"""A rule as a value: what it looks for, how grave that is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from audit_webhook.query import Node
from audit_webhook.storage.alert_store import SEVERITIES as SEVERITIES
from audit_webhook.storage.alert_store import Severity as Severity

Denied = Literal["lower", "same", "skip"]


class Threshold(NamedTuple):
    """So many requests by the same values within a time in microseconds; of ``distinct``, so many different values."""

    least: int
    by: tuple[str, ...]
    within: int
    distinct: str = ""


class New(NamedTuple):
    """Values that were not seen together for a time in microseconds."""

    of: tuple[str, ...]
    within: int


class Sequence(NamedTuple):
    """Something that a query finds, and by the same values within a time in microseconds what the rule looks for."""

    after: str
    by: tuple[str, ...]
    within: int


class Example(NamedTuple):
    """Events that a rule must fire on, or must not, as `examples` reads them."""

    events: tuple[Any, ...]
    must_fire: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``node`` is the tree of the query without what is known to be good, ``first`` that of a sequence."""

    id: str
    title: str
    severity: Severity
    query: str
    node: Node
    why: str
    next: str
    attack: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    threshold: Threshold | None = None
    new: New | None = None
    sequence: Sequence | None = None
    first: Node | None = None
    denied: Denied = "lower"
    failed: bool = False
    is_on: bool = True
    examples: tuple[Example, ...] = ()
    source: str = ""

    @property
    def is_built_in(self) -> bool:
        """Whether the rule came with the program."""
        return self.source.startswith("built-in")


def lowered(severity: Severity) -> Severity:
    """Return the grade of an attempt that was denied: one below that of the deed."""
    return SEVERITIES[max(0, SEVERITIES.index(severity) - 1)]
