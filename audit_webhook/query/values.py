"""Reads the value behind a field's colon, by the field's type."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Final, get_args

from audit_webhook.events.event import EPOCH, LIMITS
from audit_webhook.events.ids import from_text
from audit_webhook.events.limits import cut
from audit_webhook.query.facts import FACTS, ROLE_SCOPE, member_fact
from audit_webhook.query.fields import KEPT_AS, KIND_GROUPS, Field, Type
from audit_webhook.query.syntax import (
    And, Body, Compare, Comparison, Equals, Glob, Grants, Holds, Node, Not, Or, QueryError,
)
from audit_webhook.query.tokens import Token

_RELATIVE: Final = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_COMPARISON: Final = re.compile(r"(>=|<=|>|<)(\d{1,3})", re.ASCII)
_RANGE: Final = re.compile(r"(\d{1,3})\.\.(\d{1,3})", re.ASCII)
_CLASS: Final = re.compile(r"([1-5])(xx|\*)", re.IGNORECASE)
_CLOCK: Final = re.compile(r"\d\d:\d\d(:\d\d)?(z|[+-]\d\d:\d\d)?", re.ASCII | re.IGNORECASE)
_TIME_EXAMPLES: Final = ("15m", "6h", "7d", "today", "yesterday", "14:05", "2026-11-23", "2026-11-23T20:05:00Z")
_DAY: Final = 86_400_000


def value_node(field: Field, token: Token, now: int) -> Node:
    """Give the node of one value; raises QueryError at the value's place."""
    return _READERS[field.type](field, token, now)


def _text(field: Field, token: Token, now: int) -> Node:
    if token.kind != "phrase" and "*" in token.value:
        return Glob(field.name, tuple(token.value.split("*")))
    if field.name == "resource" and "/" in token.value:
        resource, _, subresource = token.value.partition("/")
        return And((Equals("resource", field.canonical(resource)), Equals("sub", subresource.lower())))
    return Equals(field.name, _as_kept(field, field.canonical(token.value)))


def _as_kept(field: Field, text: str) -> str:
    """Return a text as the column of its field holds it."""
    limit = LIMITS.get(KEPT_AS.get(field.name, ""))
    return cut(text, limit) if limit else text


def _body(field: Field, token: Token, now: int) -> Node:
    """Read the texts between asterisks; those at the ends say nothing that a search inside of a text does not."""
    texts = [token.value] if token.kind == "phrase" else token.value.split("*")
    parts = tuple(text for text in texts if text)
    if not parts:
        raise QueryError("every event holds that", token.start, max(1, token.end - token.start), (field.example,))
    return Body(parts)


def _fact(field: Field, token: Token, now: int) -> Node:
    """Read a value of a field that no column holds; an empty one means that the event has none."""
    is_member = field.type == "member"
    family, _, path = field.name.partition(".") if is_member else (field.name, "", "")
    name = f"{family}." if is_member else family
    scope = (member_fact(name, path) if is_member else FACTS[name]).scope
    if not token.value:
        return Not(And((scope, Holds(name, path, ("", "")))))
    value = token.value.lower() if is_truth(field) else token.value
    return And((scope, Holds(name, path, _parts(token, value))))


def is_truth(field: Field) -> bool:
    """Return whether a field is true or false."""
    return field.example.endswith((":true", ":false")) and field.type == "fact"


def _parts(token: Token, value: str) -> tuple[str, ...]:
    return (value,) if token.kind == "phrase" else tuple(value.split("*"))


def _grants(field: Field, token: Token, now: int) -> Node:
    """Read ``verb:resource``; a verb alone is one on any resource."""
    verb, _, resource = token.value.partition(":")
    if not token.value:
        raise _mistake(field, token, ("create:pods/exec", "*:secrets", '"*:*"'))
    return And((ROLE_SCOPE, Grants(_parts(token, verb), _parts(token, resource) if resource else ("", ""))))


def _denied(field: Field, token: Token, now: int) -> Node:
    """Read whether a request was denied: by the authorizer, or with an answer that says so."""
    refused = Or((Equals("decision", "forbid"), Equals("code", "401"), Equals("code", "403")))
    return refused if _flag(field, token, now) == Equals(field.name, "1") else Not(refused)


def _kind(field: Field, token: Token, now: int) -> Node:
    kinds = KIND_GROUPS.get(token.value.lower())
    if kinds is None:
        raise _mistake(field, token, tuple(KIND_GROUPS))
    nodes = tuple(Equals("kind", kind) for kind in kinds)
    return nodes[0] if len(nodes) == 1 else Or(nodes)


def _code(field: Field, token: Token, now: int) -> Node:
    text = token.value
    if match := _COMPARISON.fullmatch(text):
        operator = next(known for known in get_args(Comparison) if known == match.group(1))
        return Compare("code", operator, int(match.group(2)))
    if match := _RANGE.fullmatch(text):
        return _between(int(match.group(1)), int(match.group(2)))
    if match := _CLASS.fullmatch(text):
        return _between(int(match.group(1)) * 100, int(match.group(1)) * 100 + 99)
    if text.isascii() and text.isdigit() and len(text) <= 3:
        return Equals("code", str(int(text)))
    raise _mistake(field, token, ("404", ">=400", "400..499", "5xx"))


def _between(lowest: int, highest: int) -> Node:
    return And((Compare("code", ">=", lowest), Compare("code", "<=", highest)))


def _flag(field: Field, token: Token, now: int) -> Node:
    value = field.canonical(token.value)
    if value not in ("0", "1"):
        raise _mistake(field, token, ("true", "false"))
    return Equals(field.name, value)


def _id(field: Field, token: Token, now: int) -> Node:
    try:
        from_text(token.value)
    except ValueError as error:
        raise _mistake(field, token, ("the 26 characters of an event's id",)) from error
    return Equals("id", token.value.upper())


def _time(field: Field, token: Token, now: int) -> Node:
    operator: Comparison = ">=" if field.name == "since" else "<"
    first, dots, last = token.value.partition("..")
    if dots:
        since, until = (_milliseconds(field, token, text, now) for text in (first, last))
        # A clock at the end of a range shows the next such time, which may be still to come.
        if until <= since and _CLOCK.fullmatch(last):
            until += -(-(since - until + 1) // _DAY) * _DAY
        return And((Compare("time", ">=", since), Compare("time", "<", until)))
    return Compare("time", operator, _milliseconds(field, token, token.value, now))


def _milliseconds(field: Field, token: Token, text: str, now: int) -> int:
    """Read a point of time, counted back from now where it is relative."""
    moment = EPOCH + timedelta(microseconds=now)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"now": moment, "today": midnight, "yesterday": midnight - timedelta(days=1)}
    try:
        if text.lower() in named:
            moment = named[text.lower()]
        elif match := _RELATIVE.fullmatch(text):
            moment -= timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})
        elif _CLOCK.fullmatch(text):
            moment = _last_time(time.fromisoformat(text.upper()), moment)
        else:
            moment = datetime.fromisoformat(text.upper())
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0, (moment - EPOCH) // timedelta(milliseconds=1))
    except (ValueError, OverflowError) as error:
        raise _mistake(field, token, _TIME_EXAMPLES) from error


def _last_time(clock: time, now: datetime) -> datetime:
    """Give the last time at which a clock showed this; without an offset it is one of UTC."""
    zone = clock.tzinfo or UTC
    shown = datetime.combine(now.astimezone(zone).date(), clock.replace(tzinfo=zone))
    return shown if shown <= now else shown - timedelta(days=1)


def _mistake(field: Field, token: Token, expected: tuple[str, ...]) -> QueryError:
    message = f"{token.value!r} is not a value of {field.name}:"
    return QueryError(message, token.start, max(1, token.end - token.start), expected)


_READERS: Final[dict[Type, Callable[[Field, Token, int], Node]]] = {
    "text": _text, "user": _text, "groups": _text, "addresses": _text,
    "audit": _text, "kind": _kind, "code": _code, "flag": _flag, "id": _id,
    "time": _time, "body": _body, "fact": _fact, "member": _fact, "grants": _grants, "denied": _denied,
}
