"""A click that narrows a search, or takes a filter away, does exactly that: nothing is hidden or shown by accident."""

from __future__ import annotations

import random
from typing import Final

import pytest

from audit_webhook import query
from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.event import Event
from audit_webhook.query.edit import and_term, narrowed, quote, term_value, with_term
from tests.factories import NOON_US, audit_event, encode

FIELDS: Final = ("user", "ns", "verb", "name")
VALUES: Final = ("shop", "shop-2", "-2", "a b", "or", "s*p", "(x)", 'q"t', "shop and", "not", "x-ns:shop", "\\")


def events() -> list[Event]:
    chosen = random.Random(8)
    found = []
    for _ in range(80):
        user, namespace, verb, name = chosen.choices(VALUES, k=4)
        ref = {"resource": "pods", "namespace": namespace, "name": name}
        raw = encode(audit_event(user={"username": user}, verb=verb, objectRef=ref, requestURI="/"))
        found.append(to_event(read_wire(raw), raw, "prod", "0" * 26, NOON_US))
    return found


EVENTS: Final = events()


def matches(text: str) -> list[bool]:
    predicate = query.compile_predicate(query.parse(text, NOON_US))
    return [predicate(event, b"") for event in EVENTS]


def every(*texts: str) -> list[bool]:
    return [all(found) for found in zip(*(matches(text) for text in texts), strict=True)] if texts else matches("")


class Writer:
    """Write random queries of which the parts are known."""

    def __init__(self, seed: int) -> None:
        self._chosen = random.Random(seed)

    def pick(self, *options: str) -> str:
        return self._chosen.choice(options)

    def own(self) -> tuple[str, str]:
        """Return a field and a term that asks for one or some of its values."""
        field = self.pick(*FIELDS)
        values = [self.pick(quote(self.pick(*VALUES)), "sh*", "*2", '"shop"') for _ in range(3)]
        case = self.pick(field, field.upper()) + ":"
        if self.pick("one", "some") == "one":
            return field, case + values[0]
        values = [f'"{value}"' if value[0] == "-" else value for value in values]
        return field, case + self.pick(f"({' or '.join(values)})", f"({values[0]} or ({values[1]}))")

    def other(self, depth: int = 0) -> str:
        """Return a term that is not one field's own."""
        inner = self.own()[1] if depth > 2 or self.pick("y", "n") == "y" else self.other(depth + 1)
        return self.pick(
            f"-{inner}", f"not {inner}", f"({inner} or {self.own()[1]})", f"({inner})", "shop", '"a b"', "-shop",
            f"-({inner} {self.own()[1]})", f"not not {inner}",
        )

    def terms(self) -> list[tuple[str, str]]:
        """Return some terms, each with the field that it is the own one of, or without."""
        count = self._chosen.randrange(5)
        return [self.own() if self.pick("y", "n") == "y" else ("", self.other()) for _ in range(count)]

    def join(self, terms: list[tuple[str, str]]) -> str:
        text = ""
        for number, (_, term) in enumerate(terms):
            text += (self.pick(" ", "  ", " and ", "\t", " AND ") if number else "") + term
        return self.pick(text, f" {text} ")


@pytest.mark.parametrize("seed", range(8))
def test_narrowing_and_removing_change_that_filter_and_nothing_else(seed: int) -> None:
    writer = Writer(seed)
    for _ in range(150):
        terms = writer.terms()
        text = writer.join(terms)
        field, value = writer.pick(*FIELDS), writer.pick(*VALUES)
        term = f"{field}:{quote(value)}"
        others = [each for own, each in terms if own != field]
        assert matches(with_term(text, field, None)) == every(*others), text
        assert matches(with_term(text, field, value)) == every(*others, term), text
        assert matches(and_term(text, term)) == every(text, term), text
        assert matches(narrowed(text, field, value, is_excluded=True)) == every(text, f"-{term}"), text
        kept = [each for each in others if query.parse(each, 0) != query.parse(f"-{term}", 0)]
        assert matches(narrowed(text, field, value)) == every(*kept, term), text


@pytest.mark.parametrize("seed", range(4))
def test_alternatives_stay_together(seed: int) -> None:
    writer = Writer(seed)
    for _ in range(100):
        text = f"{writer.own()[1]} or {writer.other()} {writer.own()[1]}"
        field, value = writer.pick(*FIELDS), writer.pick(*VALUES)
        term = f"{field}:{quote(value)}"
        assert matches(with_term(text, field, None)) == matches(text) and term_value(text, field) is None
        for changed, wanted in (
            (with_term(text, field, value), term), (narrowed(text, field, value), term), (and_term(text, term), term),
            (narrowed(text, field, value, is_excluded=True), f"-{term}"),
        ):
            assert matches(changed) == every(text, wanted), text


@pytest.mark.parametrize(("text", "field", "value", "only"), [
    ("-ns:shop-2", "ns", "shop", "-ns:shop-2 ns:shop"),
    ("-ns:shop -ns:shop-2", "ns", "shop", "-ns:shop-2 ns:shop"),
    ('-ns:"shop" verb:get', "ns", "shop", "verb:get ns:shop"),
    ("-name:x-ns:shop", "ns", "shop", "-name:x-ns:shop ns:shop"),
    ("verb:get and ns:bank and user:a", "ns", "shop", "verb:get user:a ns:shop"),
    ("-(ns:shop user:a)", "ns", "shop", "-(ns:shop user:a) ns:shop"),
])
def test_only_a_whole_term_is_replaced(text: str, field: str, value: str, only: str) -> None:
    assert narrowed(text, field, value) == only


def test_value_of_a_term_is_read_where_it_stands_by_itself() -> None:
    assert term_value("verb:get ns:shop", "ns") == "shop" and term_value('NS:"a b"', "ns") == "a b"
    for text in ("-ns:shop", "not ns:shop", "(ns:shop)", "ns:shop or a", "name:ns:shop", 'ns:"broken', ""):
        assert term_value(text, "ns") is None, text
