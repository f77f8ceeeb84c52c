"""What a tree demands of a whole chunk: conditions that a chunk with any match fulfils, so that others are skipped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from audit_webhook.events.event import KINDS
from audit_webhook.events.ids import from_text
from audit_webhook.query.fields import BY_NAME, POSTED_AS
from audit_webhook.query.syntax import And, Compare, Equals, Glob, Node, Not, Or
from audit_webhook.query.to_sql import Dialect, Where, like
from audit_webhook.storage.chunks.layout import posted

_SELECTIVE: Final = (
    "user", "by", "as", "session", "ip", "ns", "ua", "usergroup", "sub", "manager", "truncated", "dryrun", "command",
    "resource", "group", "verb", "code", "client", "decision", "stage", "level", "kind", "cluster",
)


def necessary(node: Node, dialect: Dialect) -> Where | None:
    """Give a condition on a chunk k that every chunk with a match fulfils; None when there is none to give."""
    match node:
        case And(children):
            conditions = [found for child in children if (found := necessary(child, dialect))]
            return _join("AND", conditions) if conditions else None
        case Or(children):
            every = [necessary(child, dialect) for child in children]
            found_all = [found for found in every if found]
            return _join("OR", found_all) if len(found_all) == len(every) else None
        case Not(child):
            kinds = _kinds(child)
            others = tuple(Equals("kind", kind) for kind in KINDS if kind not in kinds) if kinds else ()
            return necessary(Or(others), dialect) if others else None
        case Equals(field, value):
            return _equals(field, value)
        case Glob(field, parts):
            return _prefix(field, parts[0], dialect)
        case Compare("code", sign, number):
            return _exists("code", Where(f"p.value {sign} %s", (f"{number:03d}",)))
        case _:
            return None


def _join(word: str, parts: Iterable[Where]) -> Where:
    found = list(parts)
    sql = f" {word} ".join(f"({part.sql})" for part in found)
    return Where(sql, tuple(value for part in found for value in part.parameters), is_exact=False)


def _exists(field: str, condition: Where) -> Where:
    sql = f"EXISTS (SELECT 1 FROM postings p WHERE p.field = %s AND {condition.sql} AND p.chunk_id = k.id)"
    return Where(sql, (POSTED_AS.get(field, field), *condition.parameters), is_exact=False)


def _posting(field: str, value: str) -> str:
    """Give the value as it is posted; empty when it is not."""
    if not BY_NAME[field].is_posted or not value or (BY_NAME[field].type == "flag" and value == "0"):
        return ""
    return f"{int(value):03d}" if field == "code" else posted(value)


def _equals(field: str, value: str) -> Where | None:
    found = _posting(field, value)
    return _exists(field, Where("p.value = %s", (found,))) if found else None


def _prefix(field: str, prefix: str, dialect: Dialect) -> Where | None:
    if not prefix or not BY_NAME[field].is_posted:
        return None
    return _exists(field, like("p.value", (posted(prefix), ""), dialect))


def _kinds(node: Node) -> frozenset[str]:
    """Give the kinds of actor that a node of nothing but kinds names; empty for any other node."""
    match node:
        case Equals("kind", value):
            return frozenset({value})
        case Or(children):
            every = [_kinds(child) for child in children]
            return frozenset().union(*every) if all(every) else frozenset()
        case _:
            return frozenset()


def driving(node: Node) -> tuple[str, str] | None:
    """Give the posted field and value that every match has and that is likely to be the rarest; None without one."""
    values = {
        leaf.field: value for leaf in _demanded(node) if isinstance(leaf, Equals)
        if (value := _posting(leaf.field, leaf.value))
    }
    return next(((POSTED_AS.get(field, field), values[field]) for field in _SELECTIVE if field in values), None)


def indexed(node: Node) -> str:
    """Give ``name`` or ``audit`` when every match has one value of it, for which there is an index; else nothing."""
    fields = {leaf.field for leaf in _demanded(node) if isinstance(leaf, Equals)}
    return next((field for field in ("audit", "name") if field in fields), "")


def time_bounds(node: Node) -> tuple[int | None, int | None]:
    """Give the milliseconds from which on, and before which, every match lies; None where it is open."""
    since: list[int] = []
    until: list[int] = []
    for leaf in _demanded(node):
        match leaf:
            case Compare("time", ">=", number):
                since.append(number)
            case Compare("time", "<", number):
                until.append(number)
            case Equals("id", value):
                moment = int.from_bytes(from_text(value)[:6], "big")
                since.append(moment)
                until.append(moment + 1)
    return max(since, default=None), min(until, default=None)


def _demanded(node: Node) -> Iterable[Node]:
    """Give the leaves that every match fulfils."""
    if isinstance(node, And):
        for child in node.children:
            yield from _demanded(child)
    else:
        yield node
