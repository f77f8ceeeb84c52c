"""The tree that a query is parsed into, and the error that points at a mistake in its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Comparison = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class And:
    """Every child matches; with no children, everything does."""

    children: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Or:
    """At least one child matches."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The child does not match."""

    child: Node


@dataclass(frozen=True, slots=True)
class Equals:
    """The field has exactly this value; an empty one means that the event has none."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Glob:
    """The field's value consists of these parts with anything between them; at least two parts."""

    field: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """The field's number stands in this relation to a number; times are milliseconds since the epoch."""

    field: Literal["code", "time"]
    operator: Comparison
    number: int


@dataclass(frozen=True, slots=True)
class Word:
    """The text occurs in the user, the namespace, the resource, the name or the request's URI."""

    text: str


@dataclass(frozen=True, slots=True)
class Body:
    """The event's stored JSON holds these texts in their order with anything between them; at least one text."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holds:
    """A field that no column holds, see `facts`, has a value that consists of these parts; one part is all of it.

    ``path`` is that of a member or annotation.
    """

    field: str
    path: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grants:
    """A rule of a role grants a verb of these parts on a resource of these parts."""

    verb: tuple[str, ...]
    resource: tuple[str, ...]


Leaf = Equals | Glob | Compare | Word | Body | Holds | Grants
Node = And | Or | Not | Leaf


class QueryError(ValueError):
    """A mistake in the text of a query: where it is, how long, and what was expected there."""

    def __init__(self, message: str, position: int, length: int = 1, expected: tuple[str, ...] = ()) -> None:
        """Remember the place, counted in characters from the beginning of the text."""
        super().__init__(message)
        self.message = message
        self.position = position
        self.length = length
        self.expected = expected
