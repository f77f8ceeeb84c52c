"""Cuts the text of a query into tokens, each with its place."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from audit_webhook.query.syntax import QueryError

Kind = Literal["(", ")", "-", "and", "or", "not", "field", "text", "phrase", "end"]

_SPACE: Final = re.compile(r"\s*")
_FIELD: Final = re.compile(
    r"((?:request|response|annotation|pod|role|effective)\.[A-Za-z0-9_.*/-]+|[A-Za-z_]+):", re.IGNORECASE
)
_TEXT: Final = re.compile(r'[^\s()"]+')
_PHRASE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_KEYWORDS: Final[dict[str, Kind]] = {"and": "and", "or": "or", "not": "not"}


class Token(NamedTuple):
    """A piece of the text, from start to end; ``value`` is without quotes, colon and escapes."""

    kind: Kind
    value: str
    start: int
    end: int


def cut(text: str) -> list[Token]:
    """Give the tokens, the last one being ``end``; raises QueryError for a quote that never ends."""
    tokens: list[Token] = []
    position = level = 0
    while True:
        position = _skip_space(text, position)
        if position == len(text):
            return [*tokens, Token("end", "", position, position)]
        token = _next(text, position, tokens[-1] if tokens else None, level > 0)
        if token.kind == "(" and (level or tokens and tokens[-1].kind == "field"):
            level += 1
        elif token.kind == ")" and level:
            level -= 1
        tokens.append(token)
        position = token.end


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _next(text: str, position: int, before: Token | None, is_among_values: bool) -> Token:
    """Give the token at a place; among the values in parentheses after a field, no other field can begin."""
    character = text[position]
    is_value = before is not None and before.kind == "field"
    if character in "()":
        return Token("(" if character == "(" else ")", character, position, position + 1)
    if character == '"':
        return _phrase(text, position)
    if character == "-" and not is_value and position + 1 < len(text) and not text[position + 1].isspace():
        return Token("-", "-", position, position + 1)
    field = None if is_value or is_among_values else _FIELD.match(text, position)
    if field:
        return Token("field", _field_name(field.group(1)), position, field.end())
    match = _TEXT.match(text, position)
    if match is None:
        raise QueryError(f"{character!r} is not understood here", position)
    word = match.group()
    return Token("text" if is_value else _KEYWORDS.get(word.lower(), "text"), word, position, match.end())


def _field_name(written: str) -> str:
    """Return a field's name in lower case; the path of a member stays as it is written."""
    family, dot, path = written.partition(".")
    has_path = family.lower() in ("request", "response", "annotation")
    return f"{family.lower()}{dot}{path if has_path else path.lower()}"


def _phrase(text: str, position: int) -> Token:
    match = _PHRASE.match(text, position)
    if match is None:
        raise QueryError("the quote is never closed", position, len(text) - position, ('"',))
    return Token("phrase", _ESCAPE.sub(r"\1", match.group(1)), position, match.end())
