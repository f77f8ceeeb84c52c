"""Compiles a tree into a predicate on events; it chooses exactly what the SQL of the same tree chooses.

A predicate takes an event and its stored JSON: `body:` and the fields of
`facts` look into the latter, all else into the former.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Final

from audit_webhook.events.event import Event
from audit_webhook.events.limits import group_mark
from audit_webhook.events.role_grants import grants, rules_of
from audit_webhook.query.facts import FACTS, FAMILIES, member_fact
from audit_webhook.query.fields import BY_NAME, SEVERAL, WORD_FIELDS
from audit_webhook.query.needles import spellings
from audit_webhook.query.syntax import (
    And, Body, Compare, Comparison, Equals, Glob, Grants, Holds, Node, Not, Or, Word,
)

Predicate = Callable[[Event, bytes], bool]

_OPERATORS: Final[dict[Comparison, Callable[[int, int], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}


def compile_predicate(node: Node) -> Predicate:
    """Give a function that tells whether an event with its stored JSON matches."""
    match node:
        case And(children):
            return _all_of([compile_predicate(child) for child in children])
        case Or(children):
            return _among(children) or _any_of([compile_predicate(child) for child in children])
        case Not(child):
            inner = compile_predicate(child)
            return lambda event, raw: not inner(event, raw)
        case Equals(field, value):
            return _equals(field, value)
        case Glob(field, parts):
            return _glob(field, parts)
        case Compare(field, sign, number):
            return _compare(field, sign, number)
        case Word(text):
            return _word(text)
        case Body(parts):
            return _body(parts)
        case Holds(field, path, parts):
            return _holds(field, path, parts)
        case Grants(verb, resource):
            return _grants(verb, resource)


def _all_of(parts: Sequence[Predicate]) -> Predicate:
    def holds(event: Event, raw: bytes) -> bool:
        for matches in parts:
            if not matches(event, raw):
                return False
        return True

    return parts[0] if len(parts) == 1 else holds


def _any_of(parts: Sequence[Predicate]) -> Predicate:
    def holds(event: Event, raw: bytes) -> bool:
        for matches in parts:
            if matches(event, raw):
                return True
        return False

    return holds


def _among(children: Sequence[Node]) -> Predicate | None:
    """Give what tells whether a field that has one value has one of several; None for any other alternatives."""
    equal = [child for child in children if isinstance(child, Equals)]
    fields = {child.field for child in equal}
    if len(equal) != len(children) or len(fields) != 1 or fields & SEVERAL.keys():
        return None
    get, values = BY_NAME[equal[0].field].value, frozenset(child.value for child in equal)
    return lambda event, raw: get(event) in values


def _equals(field: str, value: str) -> Predicate:
    get = BY_NAME[field].value
    if field == "usergroup":
        forms = {value, group_mark(value)}
        return lambda event, raw: not forms.isdisjoint(event.user_groups) if value else not event.user_groups
    if several := SEVERAL.get(field) if value else None:
        return lambda event, raw: value in several(event)
    return lambda event, raw: get(event) == value


def _glob(field: str, parts: tuple[str, ...]) -> Predicate:
    if several := SEVERAL.get(field):
        return lambda event, raw: any(glob_matches(parts, each) for each in several(event))
    get = BY_NAME[field].value
    return lambda event, raw: glob_matches(parts, get(event))


def _compare(field: str, sign: Comparison, number: int) -> Predicate:
    holds = _OPERATORS[sign]
    if field == "time":
        return lambda event, raw: holds(event.time // 1000, number)
    return lambda event, raw: holds(event.code or 0, number)


def _word(text: str) -> Predicate:
    gets = [BY_NAME[field].value for field in WORD_FIELDS]
    return lambda event, raw: text in event.request_uri or any(text in get(event) for get in gets)


def _body(parts: tuple[str, ...]) -> Predicate:
    every = [spellings(part) for part in parts]

    def holds(event: Event, raw: bytes) -> bool:
        position = 0
        for forms in every:
            ends = [at + len(form) for form in forms if (at := raw.find(form, position)) >= 0]
            if not ends:
                return False
            position = min(ends)
        return True

    return holds


def _holds(field: str, path: str, parts: tuple[str, ...]) -> Predicate:
    values = (member_fact(field, path) if field in FAMILIES else FACTS[field]).values
    is_meant = _matcher(parts)
    return lambda event, raw: any(map(is_meant, values(event, raw)))


def _grants(verb: tuple[str, ...], resource: tuple[str, ...]) -> Predicate:
    is_verb, is_resource = _matcher(verb), _matcher(resource)
    only = resource[0] if len(resource) == 1 else ""
    return lambda event, raw: any(grants(rule, is_verb, is_resource, only) for rule in rules_of(event, raw))


def _matcher(parts: tuple[str, ...]) -> Callable[[str], bool]:
    """Give what tells whether a text is this one part, or these parts with anything between them."""
    if len(parts) == 1:
        return parts[0].__eq__
    return lambda text: glob_matches(parts, text)


def glob_matches(parts: tuple[str, ...], text: str) -> bool:
    """Whether the text is the parts in their order with anything between them."""
    first, *middle, last = parts
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True
