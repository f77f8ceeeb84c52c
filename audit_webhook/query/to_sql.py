"""Compiles a tree into the WHERE of a search over events e, callers c and actions a.

What SQL cannot tell exactly becomes a condition that every match fulfils, and the result says so: the predicate then
decides. Values are always bound; columns come from the table of fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from audit_webhook.events.ids import audit_key, from_text, time_bound
from audit_webhook.events.limits import group_mark
from audit_webhook.query.fields import BY_NAME, WORD_FIELDS
from audit_webhook.query.syntax import And, Body, Compare, Equals, Glob, Grants, Holds, Node, Not, Or, Word
from audit_webhook.storage.chunks.uri_column import MARKS

Dialect = Literal["mysql", "sqlite"]
Value = str | int | bytes


class Where(NamedTuple):
    """SQL with its bound values; ``is_exact`` tells whether it chooses the matches and nothing else."""

    sql: str
    parameters: tuple[Value, ...] = ()
    is_exact: bool = True


class Parts(NamedTuple):
    """Conditions that are joined by AND: on callers alone, on actions alone, and all that speaks of events too."""

    callers: Where | None
    actions: Where | None
    rest: Where


UNKNOWN: Final = Where("TRUE", is_exact=False)
_GROUPS: Final = "c.user_groups"
_AUTHENTICATED: Final = "c.username"
_CLAIMED: Final = "c.claimed_ips"


def compile_where(node: Node, dialect: Dialect) -> Where:
    """Give the condition of a tree in a dialect."""
    match node:
        case And(children):
            return _join("AND", (compile_where(child, dialect) for child in children), Where("TRUE"))
        case Or(children):
            return _join("OR", (compile_where(child, dialect) for child in children), Where("FALSE"))
        case Not(child):
            inner = compile_where(child, dialect)
            return Where(f"NOT ({inner.sql})", inner.parameters) if inner.is_exact else UNKNOWN
        case Equals(field, value):
            return _equals(field, value)
        case Glob(field, parts):
            return _glob(field, parts, dialect)
        case Compare(field, sign, number):
            bound = time_bound(number) if field == "time" else number
            return Where(f"{_compared(field)} {sign} %s", (bound,))
        case Word(text):
            return _word(text, dialect)
        case Body(_) | Holds(_, _, _) | Grants(_, _):
            return UNKNOWN


def compile_parts(node: Node, dialect: Dialect) -> Parts:
    """Give what `compile_where` gives in parts, so that few callers and actions can be looked up beforehand."""
    children = [(child, _tables(child)) for child in _conjuncts(node)]
    only: dict[str, Where | None] = {}
    for table in ("c", "a"):
        own = tuple(child for child, tables in children if tables == {table})
        only[table] = compile_where(And(own), dialect) if own else None
    rest = tuple(child for child, tables in children if tables not in ({"c"}, {"a"}))
    return Parts(only["c"], only["a"], compile_where(And(rest), dialect))


def _conjuncts(node: Node) -> Iterable[Node]:
    if isinstance(node, And):
        for child in node.children:
            yield from _conjuncts(child)
    else:
        yield node


def _tables(node: Node) -> frozenset[str]:
    """Give the tables that a node's condition reads: e, c, a."""
    match node:
        case And(children) | Or(children):
            return frozenset().union(*map(_tables, children))
        case Not(child):
            return _tables(child)
        case Equals(field, _) | Glob(field, _):
            return frozenset(BY_NAME[field].column[0])
        case Compare(field, _, _):
            return frozenset(_compared(field)[0])
        case _:
            return frozenset("eca")


def _join(word: str, parts: Iterable[Where], empty: Where) -> Where:
    found = list(parts)
    if not found:
        return empty
    sql = f" {word} ".join(f"({part.sql})" for part in found)
    return Where(sql, tuple(value for part in found for value in part.parameters), all(p.is_exact for p in found))


def _compared(field: str) -> str:
    return "e.id" if field == "time" else BY_NAME[field].column


def _equals(field: str, value: str) -> Where:
    column, kind = BY_NAME[field].column, BY_NAME[field].type
    if kind == "groups" and value:
        sql = f"(INSTR({_GROUPS}, %s) > 0 OR INSTR({_GROUPS}, %s) > 0)"
        return Where(sql, (f"\n{value}\n", f"\n{group_mark(value)}\n"), "\n" not in value)
    if kind == "user" and value:
        return Where(f"({column} = %s OR {_AUTHENTICATED} = %s)", (value, value))
    if kind == "addresses" and value:
        claimed = f"\n{value}\n"
        return Where(f"({column} = %s OR INSTR({_CLAIMED}, %s) > 0)", (value, claimed), "\n" not in value)
    if kind in ("code", "flag"):
        return Where(f"{column} = %s", (int(value),))
    if kind == "audit":
        return Where(f"{column} = %s", (audit_key(value),))
    if kind == "id":
        return Where(f"{column} = %s", (from_text(value),))
    return Where(f"{column} = %s", (value,))


def _glob(field: str, parts: tuple[str, ...], dialect: Dialect) -> Where:
    if BY_NAME[field].type == "audit":
        return UNKNOWN
    if BY_NAME[field].type == "groups":
        first = f"\n{parts[0]}" if parts[0] else ""
        return Where(f"INSTR({_GROUPS}, %s) > 0", (first,), is_exact=False) if first else UNKNOWN
    plain = like(BY_NAME[field].column, parts, dialect)
    if BY_NAME[field].type == "user":
        return _join("OR", (plain, like(_AUTHENTICATED, parts, dialect)), plain)
    if BY_NAME[field].type == "addresses":
        return _join("OR", (plain, _claimed(parts)), plain)
    return plain


def _claimed(parts: tuple[str, ...]) -> Where:
    """Return the condition that a claimed address consists of parts; SQL tells exactly how one begins, no more."""
    if "\n" in parts[0] or not parts[0]:
        return UNKNOWN
    return Where(f"INSTR({_CLAIMED}, %s) > 0", (f"\n{parts[0]}",), is_exact=parts == (parts[0], ""))


def like(column: str, parts: tuple[str, ...], dialect: Dialect) -> Where:
    """Give the condition that a column consists of parts with anything between them, byte by byte."""
    if dialect == "sqlite":
        return Where(f"{column} GLOB %s", ("*".join(_escape_glob(part) for part in parts),))
    return Where(f"{column} LIKE %s ESCAPE '!'", ("%".join(_escape_like(part) for part in parts),))


def _escape_glob(part: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in part)


def _escape_like(part: str) -> str:
    return "".join(f"!{character}" if character in "%_!" else character for character in part)


def _word(text: str, dialect: Dialect) -> Where:
    columns = [*(BY_NAME[field].column for field in WORD_FIELDS), _URI[dialect]]
    return Where(" OR ".join(f"INSTR({column}, %s) > 0" for column in columns), (text,) * len(columns))


def _uri(mark: str, joined: str) -> str:
    """Give the SQL of a whole URI (see uri_column), from that of a mark's character and of two joined texts."""
    sql = "e.request_uri"
    meant = (("/apis/", "a.api_group"), ("/namespaces/", "e.namespace"), ("/", "a.resource"), ("/", "e.name"))
    for character, (before, column) in zip(MARKS, meant, strict=True):
        sql = f"REPLACE({sql}, {mark.format(ord(character))}, {joined.format(before, column)})"
    return sql


_URI: Final[dict[Dialect, str]] = {
    "mysql": _uri("x'{:02x}'", "CONCAT('{}', {})"), "sqlite": _uri("CHAR({})", "'{}' || {}"),
}
