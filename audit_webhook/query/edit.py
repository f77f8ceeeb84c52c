"""Edits the text of a query: what pickers and click-to-filter links do to it."""

from __future__ import annotations

import re
from typing import Final

from audit_webhook.query.syntax import QueryError
from audit_webhook.query.tokens import Token, cut

_PLAIN: Final = re.compile(r"[^\s()\"*\\]+")
_KEYWORDS: Final = frozenset({"and", "or", "not"})


def quote(value: str) -> str:
    """Write a value so that the language takes it literally."""
    if _PLAIN.fullmatch(value) and value.lower() not in _KEYWORDS:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def with_term(text: str, field: str, value: str | None) -> str:
    """Give the query with ``field:value`` in place of the field's own term; with None, without such a term."""
    kept = _without(text, field)
    return kept if value is None else and_term(kept, f"{field}:{quote(value)}")


def and_term(text: str, term: str) -> str:
    """Give the query with a further term, written in the language, that must hold too."""
    is_alternative = any(token.kind == "or" and level == 0 for token, level in _levels(text))
    return f"({text}) {term}".strip() if is_alternative else f"{text} {term}".strip()


def narrowed(text: str, field: str, value: str, is_excluded: bool = False) -> str:
    """Give the query that finds, of what it found, only events with this value, or only those without it.

    A query that cannot be read cannot be narrowed either: the value then stands alone.
    """
    try:
        cut(text)
    except QueryError:
        text = ""
    term = f"{field}:{quote(value)}"
    if not is_excluded:
        return with_term(without_exact(text, f"-{term}"), field, value)
    if f"-{term}" in text.split():
        return text
    kept = f"({text})" if any(token.kind == "or" and level == 0 for token, level in _levels(text)) else text
    return f"{kept} -{term}".strip()


def without_exact(text: str, term: str) -> str:
    """Give the query without a term that stands in it exactly so."""
    return " ".join(text.replace(term, " ", 1).split()) if term in text else text


def term_value(text: str, field: str) -> str | None:
    """Give the value of the field's term that stands by itself in the query; None when there is none."""
    spans = _spans(text, field)
    if not spans:
        return None
    raw = text[spans[0][0]:spans[0][1]]
    value = raw.partition(":")[2]
    return unquote(value)


def unquote(value: str) -> str:
    """Read a value as it is written in a query, with quotes or without."""
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if value.startswith('"') else value


def _without(text: str, field: str) -> str:
    for start, end in reversed(_spans(text, field)):
        text = f"{text[:start].rstrip()} {text[end:].lstrip()}".strip()
    return text


def _spans(text: str, field: str) -> list[tuple[int, int]]:
    """Give where the field's terms stand at the top of the query, not negated and not part of an alternative."""
    levels = _levels(text)
    if any(token.kind == "or" and level == 0 for token, level in levels):
        return []
    spans = []
    for index, (token, level) in enumerate(levels):
        before = levels[index - 1][0].kind if index else ""
        if level == 0 and token.kind == "field" and token.value == field and before not in ("-", "not"):
            spans.append((token.start, _value_end(levels, index)))
    return spans


def _value_end(levels: list[tuple[Token, int]], index: int) -> int:
    """Give where the value of the field at this index ends: after one token, or after the closing parenthesis."""
    for token, level in levels[index + 1:]:
        if level == 0 and token.kind != "(":
            return token.end
    return levels[index][0].end


def _levels(text: str) -> list[tuple[Token, int]]:
    """Give the tokens with how deep in parentheses each one is, a closing one being outside; none for a bad text."""
    try:
        tokens = cut(text)[:-1]
    except QueryError:
        return []
    level, levels = 0, []
    for token in tokens:
        level -= token.kind == ")"
        levels.append((token, level))
        level += token.kind == "("
    return levels
