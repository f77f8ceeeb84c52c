"""Reads what people paste or write without fields, and offers the query that they mean.

The meaning of a query never depends on it: a bare word stays a text to look for until somebody takes the offer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from audit_webhook.events.api_resources import plural_of
from audit_webhook.events.ids import from_text
from audit_webhook.query.edit import quote
from audit_webhook.query.facts import FAMILIES
from audit_webhook.query.fields import BY_NAME
from audit_webhook.query.syntax import QueryError
from audit_webhook.query.tokens import Token, cut

_AUDIT_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_CODE: Final = re.compile(r"[1-5]\d\d|[1-5]xx", re.ASCII | re.IGNORECASE)
_ADDRESS: Final = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}", re.ASCII)
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_ACCOUNT: Final = "system:serviceaccount:"
_ID_LENGTH: Final = 26
_VERBS: Final = {
    **{verb: f"verb:{verb}" for verb in ("get", "list", "watch", "create", "update", "patch", "delete")},
    "deletecollection": "verb:deletecollection",
    "deleted": "verb:(delete or deletecollection)", "deletes": "verb:(delete or deletecollection)",
    "created": "verb:create", "creates": "verb:create", "updated": "verb:update", "patched": "verb:patch",
    "listed": "verb:list", "watched": "verb:watch", "read": "verb:(get or list or watch)",
    "changed": "verb:(update or patch)", "wrote": "verb:(create or update or patch or delete)",
    "denied": "code:403", "forbidden": "code:403", "failed": "code:>=400", "unauthorized": "code:401",
    "exec": "resource:pods/exec", "portforward": "resource:pods/portforward", "attach": "resource:pods/attach",
    "logs": "resource:pods/log", "people": "kind:human", "person": "kind:human", "system": "kind:system",
}


def find_by_id(text: str) -> str | None:
    """Return the query for an auditID or an event's id that is all of a text; None for any other text."""
    word = text.strip()
    if _AUDIT_ID.fullmatch(word):
        return f"audit:{word.lower()}"
    if len(word) == _ID_LENGTH and word.isascii() and word.isalnum() and _is_id(word):
        return f"id:{word.upper()}"
    return None


def suggest(text: str) -> str | None:
    """Return the query that a text with bare words or with a field that does not exist means; None without a doubt."""
    try:
        tokens = cut(text)[:-1]
    except QueryError:
        return None
    pieces = list(_pieces(text, tokens))
    offered = ""
    for piece in pieces:
        offered += piece if not offered or offered.endswith("-") else f" {piece}"
    return offered if pieces != [text[token.start:token.end] for token in tokens] and offered != text else None


def _pieces(text: str, tokens: Sequence[Token]) -> Iterator[str]:
    """Yield each term of the text, bare words and unknown fields as what they may mean."""
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.kind != "field":
            yield _bare(token.value) if token.kind == "text" else text[token.start:token.end]
            at += 1
            continue
        end = _end_of_value(tokens, at + 1)
        whole = text[token.start:tokens[end - 1].end]
        yield whole if _is_field(token.value) and token.value != "user" else _unknown(token, tokens, end, whole)
        at = end


def _end_of_value(tokens: Sequence[Token], at: int) -> int:
    """Return where the value that begins at a token ends: after one token, or after its closing parenthesis."""
    level = 0
    while at < len(tokens):
        level += (tokens[at].kind == "(") - (tokens[at].kind == ")")
        at += 1
        if level <= 0:
            break
    return at


def _unknown(field: Token, tokens: Sequence[Token], end: int, whole: str) -> str:
    """Return what a value with a colon means whose beginning is no field, and the whole name of a shown account."""
    value = tokens[end - 1].value if end - 1 > tokens.index(field) else ""
    if field.value == "user":
        namespace, slash, name = value.partition("/")
        is_account = slash and _LABEL.fullmatch(namespace) and _LABEL.fullmatch(name)
        return f"user:{_ACCOUNT}{namespace}:{name}" if is_account else whole
    if whole.lower().startswith("system:"):
        return f"user:{quote(whole)}"
    return f"body:{quote(whole)}" if value else whole


def _is_field(name: str) -> bool:
    return name in BY_NAME or f"{name.partition('.')[0]}." in FAMILIES


def _bare(word: str) -> str:
    """Return the term that a bare word means; a word that may be anything as it is."""
    if found := find_by_id(word):
        return found
    if _CODE.fullmatch(word):
        return f"code:{word.lower()}"
    if _ADDRESS.fullmatch(word):
        return f"ip:{word}"
    if term := _VERBS.get(word.lower()):
        return term
    first, slash, rest = word.partition("/")
    if slash and _LABEL.fullmatch(first) and _LABEL.fullmatch(rest):
        plural = plural_of(first)
        return f"resource:{plural} name:{rest}" if plural else f"ns:{first} name:{rest}"
    plural = plural_of(word)
    return f"resource:{plural}" if plural else word


def _is_id(word: str) -> bool:
    try:
        from_text(word)
    except ValueError:
        return False
    return True
