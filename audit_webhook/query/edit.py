"""Edits a query: what pickers and click-to-filter links do to it.

The terms come from the parser, so that a change concerns whole terms: what is kept stays as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from audit_webhook.query.parse import Conjunct, parse_conjuncts
from audit_webhook.query.syntax import QueryError
from audit_webhook.query.tokens import cut

_PLAIN: Final = re.compile(r"[^\s()\"*\\]+")
_KEYWORDS: Final = frozenset({"and", "or", "not"})
_ANY_TIME: Final = 1_800_000_000_000_000
"""What relative times count from while a query is only edited: which terms there are does not depend on it."""


def quote(value: str) -> str:
    """Write a value so that the language takes it literally."""
    if _PLAIN.fullmatch(value) and value.lower() not in _KEYWORDS:
        return value
    return quoted(value)


def quoted(value: str) -> str:
    """Write a value between quotes, whatever it holds."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def with_term(text: str, field: str, value: str | None) -> str:
    """Return the query with ``field:value`` in place of the field's own terms; with None, without such a term.

    A query that cannot be read cannot be edited either: the value then stands alone.
    """
    kept = _keep(text, lambda term: not _is_own(text, term, field))
    return kept if value is None else and_term(kept, f"{field}:{quote(value)}")


def and_term(text: str, term: str) -> str:
    """Return the query with a further term, written in the language, that must hold too."""
    try:
        terms = parse_conjuncts(text, _ANY_TIME)
    except QueryError:
        return f"{text} {term}".strip()
    is_alternative = len(terms) == 1 and _opens_alternatives(text)
    return f"({text}) {term}".strip() if is_alternative else f"{text} {term}".strip()


def narrowed(text: str, field: str, value: str, is_excluded: bool = False) -> str:
    """Return the query that finds, of what it found, only events with this value, or only those without it.

    The value takes the place of the field's own terms, and of a term that excludes exactly this value. A query that
    cannot be read cannot be narrowed either: the value then stands alone.
    """
    excluded = f"-{field}:{quote(value)}"
    if not is_excluded:
        return with_term(_without_equal(text, excluded), field, value)
    readable = _keep(text, lambda term: True)
    return readable if _holds_equal(readable, excluded) else and_term(readable, excluded)


def term_value(text: str, field: str) -> str | None:
    """Return the value of the field's first term that stands by itself in the query; None when there is none."""
    try:
        own = [term for term in parse_conjuncts(text, _ANY_TIME) if _is_own(text, term, field)]
    except QueryError:
        return None
    return unquote(text[own[0].start:own[0].end].partition(":")[2]) if own else None


def unquote(value: str) -> str:
    """Read a value as it is written in a query, with quotes or without."""
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if value.startswith('"') else value


def _keep(text: str, is_kept: Callable[[Conjunct], bool]) -> str:
    """Return the query of those of its terms that are kept; what is not changed stays as it was written."""
    try:
        terms = parse_conjuncts(text, _ANY_TIME)
    except QueryError:
        return ""
    kept = [term for term in terms if is_kept(term)]
    return text if len(kept) == len(terms) else " ".join(text[term.start:term.end] for term in kept)


def _is_own(text: str, term: Conjunct, field: str) -> bool:
    """Whether a term is ``field:value``, neither excluded nor part of an alternative."""
    first, *rest = cut(text[term.start:term.end])
    if first.kind != "field" or first.value != field:
        return False
    return not _opens_alternatives(text[term.start:term.end])


def _opens_alternatives(text: str) -> bool:
    """Whether the query is ``a or b``, outside of parentheses."""
    level = 0
    for token in cut(text):
        level += (token.kind == "(") - (token.kind == ")")
        if token.kind == "or" and level == 0:
            return True
    return False


def _without_equal(text: str, term: str) -> str:
    """Return the query without the terms that mean the same as one."""
    (wanted,) = parse_conjuncts(term, _ANY_TIME)
    return _keep(text, lambda each: each.node != wanted.node)


def _holds_equal(text: str, term: str) -> bool:
    (wanted,) = parse_conjuncts(term, _ANY_TIME)
    return any(each.node == wanted.node for each in parse_conjuncts(text, _ANY_TIME))
