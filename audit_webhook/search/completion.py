"""Completes a query while it is typed: names of fields, and values with how often they occurred lately."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from audit_webhook import query
from audit_webhook.events.ids import time_bound
from audit_webhook.events.visible_text import shown
from audit_webhook.query.edit import quote, unquote
from audit_webhook.query.fields import BY_NAME, FIELDS, KIND_GROUPS, POSTED_AS, Field
from audit_webhook.query.values import is_truth
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.search_sql import FIRST, LAST, Condition

COUNTED_EVENTS: Final = 20_000
MOST_OFFERS: Final = 12
LONGEST_VALUE: Final = 120
# What is typed at the end of a text: a minus, a field with its colon, a value that may be an open quote.
_TYPED: Final = re.compile(r'(?:^|(?<=[\s(]))(-?)(?:([A-Za-z.]+):)?("(?:[^"\\]|\\.)*"?|[^\s()"]*)$', re.DOTALL)
_IN_PARENTHESES: Final = re.compile(r"(?<![A-Za-z.])([A-Za-z.]+):\((?:[^()\"]|\"(?:[^\"\\]|\\.)*\")*$", re.DOTALL)
_REST_OF_WORD: Final = re.compile(r'[^\s()"]*"?')
_FIXED: Final = {
    "kind": tuple(KIND_GROUPS),
    "flag": ("true", "false"),
    "time": ("15m", "1h", "6h", "24h", "7d", "30d", "today", "yesterday"),
}
_DAYS: Final = ("today", "yesterday")


class Offer(NamedTuple):
    """One way to go on: the text to put in, what it is called, what it means, and in how many events, or None."""

    text: str
    label: str
    note: str
    events: int | None


class Completion(NamedTuple):
    """The text before and after what an offer stands for, the offers, and how many events the counts are of."""

    head: str
    tail: str
    offers: list[Offer]
    counted: int


def complete(repository: Repository, before: str, after: str, now: int) -> Completion:
    """Offer what may follow a text, and what lies after the cursor."""
    typed = _TYPED.search(before)
    head = before[:typed.start()] if typed else before
    tail = _REST_OF_WORD.sub("", after, count=1)
    minus, name, value = typed.groups(default="") if typed else ("", "", "")
    opened = _IN_PARENTHESES.search(head) if not name else None
    field = BY_NAME.get((name or (opened[1] if opened else "")).lower())
    if field is None:
        return Completion(head, tail, [*_fields(minus, value)] if not name else [], 0)
    written = minus if opened else f"{minus}{field.name}:"
    offers = [*_values(repository, field, unquote(value).rstrip('"'), f"{head} {tail}", now)]
    return Completion(head, tail, [offer._replace(text=written + offer.text) for offer in offers], COUNTED_EVENTS)


def _fields(minus: str, typed: str) -> Iterator[Offer]:
    for field in FIELDS:
        if field.name.startswith(typed.lower()):
            colon = "" if field.name.endswith(".") else ":"
            yield Offer(f"{minus}{field.name}{colon}", f"{field.name}{colon}", field.help, None)


def _values(repository: Repository, field: Field, typed: str, rest: str, now: int) -> Iterator[Offer]:
    """Offer values that hold what was typed: counted ones first, those that begin with it before the others."""
    fixed = _FIXED.get("flag" if field.type == "denied" or is_truth(field) else field.type, ())
    if fixed:
        for value in fixed:
            if value.startswith(typed.lower()):
                yield Offer(value, value, "from midnight UTC" if value in _DAYS else "", None)
        return
    if not field.column or field.type in ("id", "audit"):
        return
    counts = _counts(repository, field, typed, rest, now)
    ranked = sorted(counts, key=lambda value: (not value.startswith(typed), -counts[value], value))
    posted = POSTED_AS.get(field.name, field.name)
    others = repository.posted_values(posted, typed, MOST_OFFERS) if field.is_posted and typed else []
    for value in list(dict.fromkeys((*ranked, *others)))[:MOST_OFFERS]:
        if len(value) <= LONGEST_VALUE:
            written = str(int(value)) if field.type == "code" else quote(value)
            yield Offer(written, shown(value, longest=60), "", counts.get(value))


def _counts(repository: Repository, field: Field, typed: str, rest: str, now: int) -> Counter[str]:
    """Count the values of the newest events that the rest of the query matches."""
    where, lowest, highest = _rest_of(rest, now, repository.database.dialect)
    found = repository.recent_values(field.column, typed, where, (lowest, highest), COUNTED_EVENTS)
    counts: Counter[str] = Counter()
    for value, count in found:
        for each in _single(field, value, typed):
            counts[each] += count
    return counts


def _single(field: Field, value: str, typed: str) -> Iterable[str]:
    if field.type != "groups":
        return (value,) if value else ()
    return (group for group in value.split("\n") if group and typed in group)


def _rest_of(text: str, now: int, dialect: Literal["mysql", "sqlite"]) -> tuple[Condition, bytes, bytes]:
    """Give what the rest of the query demands; nothing when it cannot be read yet, or SQL cannot tell."""
    try:
        tree = query.parse(text, now)
    except query.QueryError:
        return Condition("TRUE"), FIRST, LAST
    where = query.compile_where(tree, dialect)
    since, until = query.time_bounds(tree)
    bounds = (FIRST if since is None else time_bound(since), LAST if until is None else time_bound(until))
    return (Condition(where.sql, where.parameters) if where.is_exact else Condition("TRUE"), *bounds)
