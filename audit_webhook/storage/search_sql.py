"""Puts a search together: the only module beside ``query/`` that assembles SQL text, and only of our own words.

A `Search` is what a query compiles to. Conditions come from the query compilers with bound values; the markers of the
statements in ``sql/queries/read.sql`` are filled here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, Literal, NamedTuple

from audit_webhook.events.event import Event
from audit_webhook.events.ids import time_bound
from audit_webhook.storage.scope import Scope

FIRST: Final = bytes(16)
LAST: Final = b"\xff" * 16
_CALLERS: Final = re.compile(r"\bc\.")
_ACTIONS: Final = re.compile(r"\ba\.")

# The optimizers would rather start from the small tables and sort; an event's order is the order wanted.
_JOIN: Final = {"mysql": "STRAIGHT_JOIN", "sqlite": "CROSS JOIN"}
_INDEX_HINT: Final = {"mysql": "FORCE INDEX ({})", "sqlite": "INDEXED BY {}"}


class Condition(NamedTuple):
    """A piece of SQL with its bound values; ``%s`` is the placeholder for both engines."""

    sql: str
    parameters: tuple[Any, ...] = ()


class Span(NamedTuple):
    """A chunk as a search sees it: its id, and that of its oldest event."""

    id: bytes
    first_id: bytes

    @property
    def end(self) -> bytes:
        """The first id that is later than any event of the chunk."""
        return time_bound(int.from_bytes(self.id[:6], "big") + 1)


class Search(NamedTuple):
    """What to look for: exact conditions on events, a necessary one on chunks, and the range of ids."""

    where: Condition
    test: Condition | None = None
    driving: tuple[str, str] | None = None
    use_index: Literal["", "events_name", "events_audit"] = ""
    lowest: bytes = FIRST
    highest: bytes = LAST
    matches: Callable[[Event, bytes], bool] | None = None
    """Decides from event and JSON where SQL can only narrow down; None when ``where`` is exact."""
    callers: Condition | None = None
    """The part of ``where`` that reads callers alone; with ``actions`` and ``rest`` it is the whole of it."""
    actions: Condition | None = None
    rest: Condition = Condition("TRUE")
    may_match: Callable[[Event, bytes], bool] | None = None
    """Decides from an event's caller, action and namespace alone whether it can match; None when they say nothing."""
    needles: tuple[bytes, ...] = ()
    """Bytes of which every match holds at least one in its JSON; with none, the JSON need not be looked at first."""


EVERYTHING: Final = Search(Condition("TRUE"))


def of_requests(search: Search, hashes: Collection[bytes]) -> Search:
    """Give the search for those of its events whose auditIDs have these hashes, found by them."""
    listed = Condition(fill_ids("e.audit_key IN ({ids})", len(hashes)), tuple(hashes))
    return search._replace(where=_both(search.where, listed), use_index="events_audit")


def within(search: Search, scope: Scope) -> Search:
    """Give the search for those of its events that may be seen."""
    where, test = search.where, search.test
    if scope.clusters is not None:
        where = _both(where, _one_of("c.cluster", scope.clusters))
        test = _both(test, _one_of("k.cluster", scope.clusters))
    if scope.namespaces is not None:
        where = _both(where, _one_of("e.namespace", scope.namespaces))
        posted = _one_of("p.value", scope.namespaces)
        sql = f"EXISTS (SELECT 1 FROM postings p WHERE p.field = 'ns' AND {posted.sql} AND p.chunk_id = k.id)"
        test = _both(test, Condition(sql, posted.parameters))
    return search._replace(where=where, test=test)


def _both(one: Condition | None, other: Condition) -> Condition:
    if one is None:
        return other
    return Condition(f"({one.sql}) AND {other.sql}", one.parameters + other.parameters)


def _one_of(column: str, values: Collection[str]) -> Condition:
    if not values:
        return Condition("FALSE")
    return Condition(f"{column} IN ({', '.join(['%s'] * len(values))})", tuple(sorted(values)))


def fill_events(statement: str, search: Search, spans: Sequence[Span], dialect: str) -> Condition:
    """Complete ``select_events`` for the events of these chunks, or of all when none are given.

    The parameters of the id range come first and the limit last; both are the caller's.
    """
    where = _within(search.where, spans)
    hint = _INDEX_HINT[dialect].format(search.use_index) if search.use_index and not spans else ""
    sql = statement.format(hint=hint, joins=_joins(where.sql, dialect), where=f"({where.sql})")
    return Condition(sql, where.parameters)


def fill_requests(statement: str, search: Search, spans: Sequence[Span], dialect: str) -> Condition:
    """Complete ``requests`` as `fill_events` does; it needs both small tables whatever is asked."""
    where = _within(search.where, spans)
    sql = statement.format(hint="", joins=_joins("c. a.", dialect), where=f"({where.sql})")
    return Condition(sql, where.parameters)


def _within(where: Condition, spans: Sequence[Span]) -> Condition:
    """Add that an event lies in one of these chunks, when some are given."""
    if spans:
        in_spans = " OR ".join(["e.id >= %s AND e.id < %s AND e.chunk_id = %s"] * len(spans))
        values = tuple(value for span in spans for value in (span.first_id, span.end, span.id))
        return Condition(f"({in_spans}) AND ({where.sql})", values + where.parameters)
    return where


def narrow(search: Search, callers: Sequence[bytes] | None, actions: Sequence[bytes] | None) -> Search:
    """Put the ids of all callers and actions that may match in the place of their conditions; None: keep those.

    A row of events then needs no other table, which is what most of the time goes into.
    """
    parts = [search.rest]
    for column, condition, ids in (
        ("e.caller_id", search.callers, callers), ("e.action_id", search.actions, actions)
    ):
        if condition and ids is not None:
            parts.append(Condition(fill_ids(f"{column} IN ({{ids}})", len(ids)), tuple(ids)))
        elif condition:
            parts.append(condition)
    sql = " AND ".join(f"({part.sql})" for part in parts)
    return search._replace(where=Condition(sql, tuple(value for part in parts for value in part.parameters)))


def fill_values(statement: str, column: str, where: Condition, dialect: str) -> str:
    """Complete ``recent_values`` for a column of the table of fields."""
    joins = _joins(f"{column} {where.sql}", dialect)
    return statement.format(column=column, joins=joins, where=f"({where.sql})")


def fill_condition(statement: str, condition: Condition) -> str:
    """Complete ``select_callers`` or ``select_actions``."""
    return statement.format(where=condition.sql)


def _joins(where: str, dialect: str) -> str:
    join = _JOIN[dialect]
    callers = f"{join} callers c ON c.id = e.caller_id" if _CALLERS.search(where) else ""
    actions = f"{join} actions a ON a.id = e.action_id" if _ACTIONS.search(where) else ""
    return f"{callers} {actions}"


def fill_chunks(statement: str, search: Search, dialect: str) -> Condition:
    """Complete ``select_chunks`` or ``select_driven_chunks`` with the condition on postings."""
    test = search.test or Condition("TRUE")
    return Condition(statement.format(join=_JOIN[dialect], test=f"({test.sql})"), test.parameters)


def fill_arrivals(statement: str, scope: Scope) -> Condition:
    """Complete ``positions`` for the clusters that may be seen."""
    test = _one_of("a.cluster", scope.clusters) if scope.clusters is not None else Condition("TRUE")
    return Condition(statement.format(test=test.sql), test.parameters)


def fill_ids(statement: str, count: int) -> str:
    """Complete a statement that takes a list of ids."""
    return statement.format(ids=", ".join(["%s"] * count))
