"""Parses the text of a query; every mistake is answered with its place and what was expected there."""

from __future__ import annotations

import difflib
from typing import Final, NamedTuple

from audit_webhook.query.facts import FAMILIES
from audit_webhook.query.fields import BY_NAME, Field
from audit_webhook.query.syntax import And, Node, Not, Or, QueryError, Word
from audit_webhook.query.tokens import Token, cut
from audit_webhook.query.values import value_node

LONGEST_TEXT: Final = 4096
DEEPEST: Final = 50
MOST_TERMS: Final = 200


def parse(text: str, now: int) -> Node:
    """Give the tree of a query; ``now`` in microseconds is what relative times count from. Raises QueryError."""
    if len(text) > LONGEST_TEXT:
        raise QueryError(f"a query has at most {LONGEST_TEXT} characters", LONGEST_TEXT, len(text) - LONGEST_TEXT)
    parser = _Parser(cut(text), now)
    if parser.peek().kind == "end":
        return And()
    node = parser.any_of(0)
    parser.expect_end()
    return node


class Conjunct(NamedTuple):
    """One of the terms that all must match: where it stands in the text, and its tree."""

    start: int
    end: int
    node: Node


def parse_conjuncts(text: str, now: int) -> list[Conjunct]:
    """Return the terms of a query that all must match, in their order; raises QueryError.

    A query of alternatives is one term, ``a or b``, which needs parentheses beside another one.
    """
    parser = _Parser(cut(text), now)
    if parser.peek().kind == "end":
        return []
    node = parser.any_of(0)
    parser.expect_end()
    terms = parser.conjuncts
    return terms if not parser.has_alternatives else [Conjunct(terms[0].start, terms[-1].end, node)]


class _Parser:
    """Walks over the tokens; each method takes one rule of the grammar and gives its node."""

    def __init__(self, tokens: list[Token], now: int) -> None:
        self._tokens = tokens
        self._now = now
        self._next = 0
        self._terms = 0
        self.conjuncts: list[Conjunct] = []
        self.has_alternatives = False

    def peek(self) -> Token:
        """Give the next token without taking it."""
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self.peek()
        self._next += token.kind != "end"
        return token

    def expect_end(self) -> None:
        """Refuse what is left over."""
        token = self.peek()
        if token.kind != "end":
            raise QueryError("unmatched )", token.start, 1, ("a term", "the end"))

    def any_of(self, depth: int) -> Node:
        """``all_of or all_of or …``"""
        children = [self._all_of(depth)]
        while self.peek().kind == "or":
            self._take()
            self.has_alternatives |= depth == 0
            children.append(self._all_of(depth))
        return children[0] if len(children) == 1 else Or(tuple(children))

    def _all_of(self, depth: int) -> Node:
        """``term term and term …``"""
        children = [self._conjunct(depth)]
        while self.peek().kind not in (")", "or", "end"):
            if self.peek().kind == "and":
                self._take()
            children.append(self._conjunct(depth))
        return children[0] if len(children) == 1 else And(tuple(children))

    def _conjunct(self, depth: int) -> Node:
        """``one``, whose place is noted at the top of the query."""
        start = self.peek().start
        node = self._one(depth)
        if depth == 0:
            self.conjuncts.append(Conjunct(start, self._tokens[self._next - 1].end, node))
        return node

    def _one(self, depth: int) -> Node:
        """``not one``, ``(any_of)``, ``field:value`` or a word."""
        token = self._take()
        self._count(token, depth)
        if token.kind in ("not", "-"):
            return Not(self._one(depth + 1))
        if token.kind == "(":
            return self._group(token, depth)
        if token.kind == "field":
            return self._value(_field(token), token, depth)
        if token.kind in ("text", "phrase"):
            return _word(token)
        raise QueryError(
            "a term is missing here", token.start, max(1, token.end - token.start), ("field:value", "a word", "(")
        )

    def _count(self, token: Token, depth: int) -> None:
        self._terms += 1
        if depth > DEEPEST:
            raise QueryError(f"parentheses and not can be nested {DEEPEST} deep", token.start)
        if self._terms > MOST_TERMS:
            raise QueryError(f"a query has at most {MOST_TERMS} terms", token.start)

    def _group(self, opening: Token, depth: int) -> Node:
        node = self.any_of(depth + 1)
        self._close(opening)
        return node

    def _close(self, opening: Token) -> None:
        token = self._take()
        if token.kind != ")":
            raise QueryError("this ( is never closed", opening.start, 1, (")",))

    def _value(self, field: Field, after: Token, depth: int) -> Node:
        """One value, or ``(a or b)``."""
        token = self._take()
        if token.kind == "(":
            self._count(token, depth)
            children = [self._value(field, token, depth + 1)]
            while self.peek().kind in ("or", "text", "phrase", "("):
                if self.peek().kind != "or":
                    raise QueryError("values in parentheses are joined by or", self.peek().start, 1, ("or", ")"))
                children.append(self._value(field, self._take(), depth + 1))
            self._close(token)
            return children[0] if len(children) == 1 else Or(tuple(children))
        is_value = token.kind in ("text", "phrase", "and", "or", "not")
        if not is_value or (token.start != after.end and after.kind == "field"):
            raise QueryError(f"{field.name}: needs a value", after.start, after.end - after.start, (field.example,))
        return value_node(field, token, self._now)


def _word(token: Token) -> Node:
    if not token.value:
        raise QueryError("empty search text", token.start, 2, ("a word",))
    return Word(token.value)


def _field(token: Token) -> Field:
    if token.value in BY_NAME:
        return BY_NAME[token.value]
    family, dot, path = token.value.partition(".")
    if path and f"{family}{dot}" in FAMILIES:
        return BY_NAME[f"{family}{dot}"]._replace(name=token.value)
    near = tuple(difflib.get_close_matches(token.value, BY_NAME, n=3, cutoff=0.5))
    hint = f"; did you mean {near[0]}:?" if near else ""
    message = f"there is no field {token.value}:{hint}"
    raise QueryError(message, token.start, token.end - token.start, near or tuple(BY_NAME))
