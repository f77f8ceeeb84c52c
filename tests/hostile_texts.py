"""Texts that a regular expression gets far into before it fails, made of its own literals and classes."""

from __future__ import annotations

import importlib
import random
import re
from collections.abc import Iterator
from typing import Any, Final

MOST_TEXTS: Final = 700


def parts_of(pattern: re.Pattern[Any]) -> tuple[list[str], list[str]]:
    """Give the texts that a pattern begins with, of growing length, and the literals and characters that it knows."""
    parser: Any = importlib.import_module("re._parser")
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(text, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags)
    units: dict[str, None] = {}
    prefixes: dict[str, None] = {"": None}
    for seed in range(6):
        walk = list(_walk(tree, random.Random(seed), units))
        for end in range(1, len(walk) + 1):
            prefixes["".join(walk[:end])] = None
    return sorted(prefixes, key=len)[:40], list(units)


def _walk(tree: Any, choice: random.Random, units: dict[str, None]) -> Iterator[str]:
    """Give a text that a pattern may match, piece by piece; notes each piece."""
    literal = ""
    for operator, argument in tree:
        name = str(operator)
        if name == "LITERAL":
            literal += chr(argument)
            units[chr(argument)] = None
            yield chr(argument)
            continue
        if len(literal) > 1:
            units[literal] = None
        literal = ""
        yield from _walk_other(name, argument, choice, units)
    if len(literal) > 1:
        units[literal] = None


def _walk_other(name: str, argument: Any, choice: random.Random, units: dict[str, None]) -> Iterator[str]:
    if name in ("IN", "CATEGORY", "NOT_LITERAL", "ANY"):
        character = _member(name, argument, choice)
        units[character] = None
        yield character
    elif name == "BRANCH":
        for branch in argument[1]:
            list(_walk(branch, choice, units))
        yield from _walk(choice.choice(argument[1]), choice, units)
    elif name == "SUBPATTERN":
        yield from _walk(argument[-1], choice, units)
    elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inside = argument
        piece = "".join(_walk(inside, choice, units))
        units[piece] = None
        yield piece * max(int(least), min(int(most), choice.choice((0, 1, 2))))
    elif name == "ATOMIC_GROUP":
        yield from _walk(argument, choice, units)
    elif name in ("ASSERT", "ASSERT_NOT"):
        list(_walk(argument[1], choice, units))


def _member(name: str, argument: Any, choice: random.Random) -> str:
    tried = list("a-_.=:/\"'\\ \t\n0%&;,|{[<@!é1Z")
    choice.shuffle(tried)
    for character in tried:
        if _holds(name, argument, character):
            return character
    return next((chr(code) for code in range(0x3000) if _holds(name, argument, chr(code))), "x")


def _holds(name: str, argument: Any, character: str) -> bool:
    if name == "ANY":
        return character != "\n"
    if name == "NOT_LITERAL":
        return ord(character) != argument
    items = argument if name == "IN" else [(name, argument)]
    is_negated = bool(items) and str(items[0][0]) == "NEGATE"
    return any(_is(str(kind), value, character) for kind, value in items) != is_negated


def _is(kind: str, value: Any, character: str) -> bool:
    if kind == "LITERAL":
        return bool(ord(character) == value)
    if kind == "RANGE":
        return bool(value[0] <= ord(character) <= value[1])
    checks = {"DIGIT": str.isdigit, "SPACE": str.isspace, "WORD": lambda each: each.isalnum() or each == "_"}
    found = next((check for word, check in checks.items() if str(value).endswith(word)), None)
    return found is not None and found(character) != ("NOT_" in str(value))


def hostile_texts(pattern: re.Pattern[Any]) -> list[tuple[str, str, str]]:
    """Give beginnings, what to repeat, and endings: texts that a pattern gets far into before it fails."""
    prefixes, units = parts_of(pattern)
    units = [unit for unit in dict.fromkeys([*units, *prefixes, "a", "-", "_", '"', "\\", " ", "\\\"", "é"]) if unit]
    units = [unit[:80] for unit in units][:60]
    choice = random.Random(7)
    words = [unit for unit in units if len(unit) > 1][:8]
    units += [each for word in words for mark in "- ./\"" for each in (mark + word, word + mark)]
    units += ["".join(choice.sample(units, min(2, len(units)))) for _ in range(20)]
    endings = ("", "!", "\x00", "\n", "=", '"', units[0])
    every = [(prefix, unit, ending) for unit in units for prefix in prefixes for ending in endings]
    return every if len(every) <= MOST_TEXTS else choice.sample(every, MOST_TEXTS)
