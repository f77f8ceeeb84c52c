"""No regular expression takes more than a time linear in the length of a text, whatever the text: all are tried.

The expressions are found by themselves: every call of ``re`` in the source is evaluated where it stands, and every
module is searched for compiled ones. Each is given texts made of its own literals and classes, repeated, begun and
never ended, twice and four times as long.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

import audit_webhook
from audit_webhook.events.redaction.rules import RuleBook, parse_rules
from audit_webhook.events.user_agents import _KNOWN
from audit_webhook.humanize.failures import _MESSAGES
from tests.hostile_texts import hostile_texts

ROOT: Final = Path(audit_webhook.__file__).parent
METHODS: Final = ("match", "fullmatch", "search", "finditer", "findall", "split", "sub")
CALLS: Final = frozenset({"compile", *METHODS})
SHORTEST: Final = 16
LONGEST: Final = 8_192
FLOOR_SECONDS: Final = 0.000_6
"""A text that takes no longer is not looked at more closely: for the longest, that is 0.07 seconds a megabyte."""
GROWTH: Final = 2.8
"""How much longer twice the length may take: 2 when linear, 4 when square."""
SECONDS_A_MEGABYTE: Final = 1.2
"""What a linear one may take, of a process's own time, for a megabyte; a machine that is shared is slow."""

# Patterns that a function puts together from what is not an event's, each as it may become.
BUILT: Final[dict[tuple[str, str], Callable[[], re.Pattern[Any]]]] = {
    ("audit_webhook.operate.doctor.server", "re.fullmatch(pattern, name)"): lambda: re.compile(r"audit\_.*webhook."),
    ("audit_webhook.events.redaction.rules", "re.compile(telltale)"): lambda: RuleBook(
        parse_rules("configmaps /data/password\nsecrets /data/*")
    ).telltale,
    (
        "audit_webhook.alerts.rule_files", "re.compile(rf'^[ \\t]*{re.escape(key)}[ \\t]*=', re.MULTILINE)",
    ): lambda: re.compile(r"^[ \t]*fire[ \t]*=", re.MULTILINE),
}
# Those that never see more than so many characters: what a reader types into a query, what a database server says of
# its rights, the file of a key.
SHORT_TEXTS: Final = {
    "audit_webhook.search.completion": 4_096, "audit_webhook.operate.doctor.server": 2_048,
    "audit_webhook.storage.keys": 2_048, "audit_webhook.events.sources.text_prefixes": 4_096,
}
# Used by `match` alone where a place was found before, but kept in a table.
MATCHED: Final = {("audit_webhook.events.redaction.command_masker", r"[\s=]?+[^:\s]*+:(\S++)")}


class Found(NamedTuple):
    """A pattern, the module that it is in, and the methods that are called on it."""

    module: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]

    def __str__(self) -> str:
        return f"{self.module.removeprefix('audit_webhook.')}:{self.pattern.pattern[:60]!r}"


class Slow(NamedTuple):
    """A text that takes too long, the method, and what was measured."""

    method: str
    text: str
    seconds: tuple[float, ...]


def modules() -> Iterator[str]:
    for module in pkgutil.walk_packages([str(ROOT)], "audit_webhook."):
        if not module.name.endswith("__main__"):
            yield module.name


def source_of(name: str) -> str:
    path = ROOT.joinpath(*name.split(".")[1:])
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()


@cache
def used_methods() -> dict[str, set[str]]:
    """Give the methods that are called on each global name, anywhere; a name that is only passed on has none."""
    used: dict[str, set[str]] = {}
    for name in modules():
        for node in ast.walk(ast.parse(source_of(name))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id.isupper():
                used.setdefault(f"{name}.{node.value.id}", set()).add(node.attr)
    return used


def held_patterns(value: object, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    """Give the compiled patterns in a value, in what it holds and in what its class holds."""
    if isinstance(value, re.Pattern):
        yield value
    elif depth < 4 and isinstance(value, dict):
        for each in value.values():
            yield from held_patterns(each, depth + 1)
    elif depth < 4 and isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from held_patterns(each, depth + 1)
    elif depth == 0 and isinstance(value, type) and value.__module__.startswith("audit_webhook"):
        yield from held_patterns(dict(vars(value)), 1)
    elif depth < 2 and type(value).__module__.startswith("audit_webhook") and hasattr(value, "__dict__"):
        yield from held_patterns(dict(vars(value)), depth + 1)


def written_patterns(name: str, module: Any) -> Iterator[re.Pattern[Any]]:
    """Give the patterns of the calls of ``re`` in a source; one that depends on a variable must be in BUILT."""
    for node in ast.walk(ast.parse(source_of(name))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "re"):
            continue
        flags = next((each.value for each in node.keywords if each.arg == "flags"), None)
        flags = node.args[1] if node.func.attr == "compile" and len(node.args) > 1 else flags
        try:
            text = eval(ast.unparse(node.args[0]), vars(module))
            yield re.compile(text, eval(ast.unparse(flags), vars(module)) if flags else 0)
        except NameError:
            built = [make for (where, _), make in BUILT.items() if where == name]
            assert built, f"{name}:{node.lineno} builds a pattern from variables: give an example of it in BUILT"
            yield from (make() for make in built)


@cache
def all_patterns() -> tuple[Found, ...]:
    found: dict[tuple[str, str, int], Found] = {}
    for name in modules():
        module = importlib.import_module(name)
        named = {key: value for key, value in vars(module).items() if key.isupper() or key.startswith("_")}
        for key, value in named.items():
            for pattern in held_patterns(value):
                used = used_methods().get(f"{name}.{key}", set()) & set(METHODS) if value is pattern else set[str]()
                known = found.setdefault((name, str(pattern.pattern), pattern.flags), Found(name, pattern, frozenset()))
                found[name, str(pattern.pattern), pattern.flags] = known._replace(
                    methods=known.methods | frozenset(used or METHODS if value is not pattern else used)
                )
        for pattern in written_patterns(name, module):
            found.setdefault((name, str(pattern.pattern), pattern.flags), Found(name, pattern, frozenset()))
    for key in MATCHED:
        found |= {each: found[each]._replace(methods=frozenset({"match"})) for each in found if each[:2] == key}
    return tuple(each if each.methods else each._replace(methods=frozenset(METHODS)) for each in found.values())


# ---- Measuring


def spent(call: Callable[[], object], tries: int = 1) -> float:
    """Give the process's own time for a call: others on the machine do not count."""
    times = []
    for _ in range(tries):
        began = time.thread_time()
        call()
        times.append(time.thread_time() - began)
    return min(times)


def runner(pattern: re.Pattern[Any], method: str, text: str) -> Callable[[], object]:
    subject: Any = text if isinstance(pattern.pattern, str) else text.encode("utf-8", "surrogatepass")
    if method == "finditer":
        return lambda: sum(1 for _ in pattern.finditer(subject))
    if method == "sub":
        return lambda: pattern.sub(subject[:0], subject)
    bound = getattr(pattern, method)
    return lambda: bound(subject)


LOOKS = 3
"""So often a text has to look slow, one time after the other, before it is taken for slow: machines are shared."""


def find_slow(pattern: re.Pattern[Any], methods: Sequence[str]) -> Slow | None:
    """Give a text for which a pattern's time grows faster than the text, or is long for its length."""
    for parts in hostile_texts(pattern):
        for method in methods:
            length = SHORTEST
            while length < LONGEST and spent(runner(pattern, method, text_of(parts, length))) < FLOOR_SECONDS:
                length *= 2
            if length < LONGEST and all((found := _judge(pattern, method, parts, length)) for _ in range(LOOKS)):
                return found
    return None


def text_of(parts: tuple[str, str, str], length: int) -> str:
    prefix, unit, ending = parts
    return prefix + unit * max(1, length // len(unit)) + ending


def _judge(pattern: re.Pattern[Any], method: str, parts: tuple[str, str, str], length: int) -> Slow | None:
    """Look more closely: what takes so long on a short text is slow, and what takes more than twice as long on two."""
    texts = [text_of(parts, each) for each in (length // 2, length, 2 * length)]
    seconds = [spent(runner(pattern, method, each), tries=3) for each in texts[:2]]
    if seconds[1] * 1_000_000 / len(texts[1]) > SECONDS_A_MEGABYTE:
        return Slow(method, texts[0][:80], tuple(seconds))
    seconds.append(spent(runner(pattern, method, texts[2]), tries=3))
    grows = seconds[1] > GROWTH * seconds[0] and seconds[2] > GROWTH * seconds[1]
    return Slow(method, texts[0][:80], tuple(seconds)) if grows else None


# ---- The promises


def test_all_patterns_are_found() -> None:
    names = {(found.module, found.pattern.pattern) for found in all_patterns()}
    assert len(names) > 100
    for module, patterns in (
        ("events.user_agents", [_KNOWN[0][0]]), ("humanize.failures", [pattern for _, pattern, _ in _MESSAGES]),
        ("query.edit", [re.compile(r"\\(.)")]), ("events.redaction.rules", [re.compile("~(?![01])")]),
    ):
        for pattern in patterns:
            assert (f"audit_webhook.{module}", pattern.pattern) in names


@pytest.mark.parametrize("found", all_patterns(), ids=str)
def test_pattern_takes_time_linear_in_the_text(found: Found) -> None:
    if found.module in SHORT_TEXTS:
        for prefix, unit, ending in hostile_texts(found.pattern)[::4]:
            text = prefix + unit * (SHORT_TEXTS[found.module] // len(unit)) + ending
            for method in found.methods:
                assert spent(runner(found.pattern, method, text)) < 0.5
    else:
        assert find_slow(found.pattern, sorted(found.methods)) is None


# What the tree had in November 2026, each as it was: 200 KB of the first took twenty minutes.
@pytest.mark.parametrize(
    "bad",
    [
        r"(?:^|[_.-])(?:\w*(?:passwords?|tokens?)|signature|sig)$", r"(?i)--?[\w.-]*(?:password|token)[\w.-]*",
        r"(?i)(?P<name>(?:--?)?[\w.-]*(?:password|token)[\w.-]*)(?P<sign>=|:\s*)(?P<value>[^\s'\"]+)",
        r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s"{}\[\],:]+|"', r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
        r"(a+)+$", r"(?:a|a)*b", r"([a-z]+)*1", r"\s*,\s*$", r"x*x*y", r"--?[\w-]{0,64}(?:passwords?|secrets?|tokens?)",
    ],
)
def test_a_pattern_that_is_not_linear_is_noticed(bad: str) -> None:
    assert find_slow(re.compile(bad), ("finditer", "fullmatch", "search")) is not None
