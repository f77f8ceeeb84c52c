"""No function that takes texts or bytes apart needs more than a time linear in them: all are found and tried.

Found are the functions of the rooms that see events whose arguments are texts, bytes or decoded JSON and nothing else:
a new one is tried without being named here.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import itertools
import json
import pkgutil
import time
import types
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, get_type_hints

import pytest

import audit_webhook
from audit_webhook.errors import AuditWebhookError

ROOMS: Final = ("events", "history", "humanize", "kubectl", "query")
MODULES: Final = (
    "storage.chunks.grant_postings", "storage.chunks.uri_column", "explore.permissions.least_privilege",
    "search.event.json_tree", "search.event.view", "search.event_rows", "search.explain", "search.export",
)
SHORT: Final = 8_000
GROWTH: Final = 10.0
"""How much longer four times the length may take: 4 when linear, 16 when square."""
FLOOR_SECONDS: Final = 0.01
MOST_SECONDS: Final = 1.0
UNITS: Final = (
    "a", "-", "_", '"', "\\", "\\\"", "{", "[", '{"a":', "[[", "0,", "token=", "--token ", "%41", "/", "/0", ".", ":",
    " ", "\n", "a\n", "\u3164", "e\u0301\u0301\u0301", "A", "*", "=", "a=b&", "command=a&", "&", ",", "'", "$(a)",
)


class Parser(NamedTuple):
    """A function, the kinds of its arguments, and where it is."""

    name: str
    call: Callable[..., Any]
    kinds: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


def modules() -> Iterator[types.ModuleType]:
    for module in pkgutil.walk_packages(audit_webhook.__path__, "audit_webhook."):
        name = module.name.removeprefix("audit_webhook.")
        if name in MODULES or name.partition(".")[0] in ROOMS:
            yield importlib.import_module(module.name)


def kinds_of(function: Callable[..., Any]) -> tuple[str, ...] | None:
    """Give what a function takes; None when it takes anything but texts, bytes, and decoded JSON."""
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError):
        return None
    known = {str: "text", bytes: "bytes", object: "json", list[object]: "list", list[str]: "texts"}
    needed = [
        each for each in inspect.signature(function).parameters.values()
        if each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    kinds = tuple(known.get(hints.get(each.name, int), "") for each in needed)
    return kinds if kinds and all(kinds) else None


def parsers() -> Iterator[Parser]:
    for module in modules():
        for name, function in vars(module).items():
            if isinstance(function, types.FunctionType) and function.__module__ == module.__name__:
                if kinds := kinds_of(function):
                    yield Parser(f"{module.__name__.removeprefix('audit_webhook.')}.{name}", function, kinds)


def argument(kind: str, unit: str, length: int) -> Any:
    text = unit * (length // len(unit))
    if kind == "text":
        return text
    if kind == "bytes":
        return text.encode()
    if kind == "texts":
        return [unit] * (length // 8)
    items: list[Any] = [{"name": f"{unit}{n}", "value": n % 7} for n in range(length // 20)]
    return items if kind == "list" else {"spec": items, "text": text, "list": [0] * (length // 4)}


def seconds_of(parser: Parser, unit: str, length: int) -> float:
    given = [argument(kind, unit, length) for kind in parser.kinds]
    gc.collect(0)
    began = time.thread_time()
    try:
        found = parser.call(*given)
        if inspect.isgenerator(found):
            sum(1 for _ in found)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, AuditWebhookError, StopIteration):
        pass  # what it makes of nonsense is told by other tests; here it is only to end in time
    return time.thread_time() - began


LOOKS = 3
"""So often a text has to look slow, one time after the other, before it is taken for slow: machines are shared."""


def find_slow(parser: Parser) -> tuple[str, float, float] | None:
    for unit in UNITS:
        if seconds_of(parser, unit, 4 * SHORT) < FLOOR_SECONDS:
            continue
        for _ in range(LOOKS):
            short, long = (min(seconds_of(parser, unit, length) for _ in range(3)) for length in (SHORT, 4 * SHORT))
            if not (long > FLOOR_SECONDS and long > GROWTH * short or long > MOST_SECONDS):
                break
        else:
            return unit, short, long
    return None


def test_parsers_are_found() -> None:
    names = {parser.name for parser in parsers()}
    assert len(names) > 120
    for name in (
        "events.split.split", "events.redaction.uri_masker.mask_uri", "events.lenient_json.loads",
        "history.patches.merge", "kubectl.words.mask_text", "search.event.json_tree.indent",
        "events.authorizer_reason._unquote", "events.visible_text.write_out",
    ):
        assert name in names


@pytest.mark.parametrize("parser", list(parsers()), ids=str)
def test_parser_takes_time_linear_in_what_it_reads(parser: Parser) -> None:
    assert find_slow(parser) is None


def squares(text: str) -> int:
    return sum(text[:place].count("\0") for place in range(0, len(text), 2)) + len(json.dumps(text))


def pairs_of(items: list[object]) -> int:
    return sum(one == other for one, other in itertools.product(items, items))


@pytest.mark.parametrize(("function", "kind"), [(squares, "text"), (pairs_of, "list")])
def test_a_parser_that_is_not_linear_is_noticed(function: Callable[..., Any], kind: str) -> None:
    assert find_slow(Parser("bad", function, (kind,))) is not None
