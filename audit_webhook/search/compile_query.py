"""Compiles the text of a query into a search of the repository."""

from __future__ import annotations

from typing import Final, Literal

from audit_webhook import query
from audit_webhook.events.ids import time_bound
from audit_webhook.search.histogram.aggregate import split_conditions
from audit_webhook.storage.search_sql import FIRST, LAST, Condition, Search

_INDEXES: Final[dict[str, Literal["", "events_name", "events_audit"]]] = {
    "": "", "name": "events_name", "audit": "events_audit",
}


def compile_query(text: str, now: int, dialect: Literal["mysql", "sqlite"]) -> Search:
    """Give the search for a query; raises query.QueryError."""
    return compile_tree(query.parse(text, now), dialect)


def compile_tree(tree: query.Node, dialect: Literal["mysql", "sqlite"]) -> Search:
    """Give the search for a tree."""
    where = query.compile_where(tree, dialect)
    callers, actions, rest = query.compile_parts(tree, dialect)
    test = query.necessary(tree, dialect)
    since, until = query.time_bounds(tree)
    tallied, _ = split_conditions(tree)
    return Search(
        where=Condition(where.sql, where.parameters),
        test=Condition(test.sql, test.parameters) if test else None,
        driving=query.driving(tree),
        use_index=_INDEXES[query.indexed(tree)],
        lowest=FIRST if since is None else time_bound(since),
        highest=LAST if until is None else time_bound(until),
        matches=None if where.is_exact else query.compile_predicate(tree),
        callers=Condition(callers.sql, callers.parameters) if callers else None,
        actions=Condition(actions.sql, actions.parameters) if actions else None,
        rest=Condition(rest.sql, rest.parameters),
        may_match=None if tallied == query.And() else query.compile_predicate(tallied),
        needles=query.needles(tree),
    )
