"""Reads rules from TOML files, strictly: whatever is wrong is named with its file and line.

A file is a list of tables ``[[rule]]``. The keys are those of `KEYS`; docs/alerts.md says what each means. A rule of
``RULES_DIR`` with the id of a built-in one takes its place.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from audit_webhook.alerts.rule import SEVERITIES, Example, New, Rule, Sequence, Threshold
from audit_webhook.errors import ConfigError
from audit_webhook.query import And, Node, QueryError, parse
from audit_webhook.query.fields import BY_NAME
from audit_webhook.query.syntax import Holds, Not, Or

BUILT_IN: Final = Path(__file__).parent / "rules"
KEYS: Final = frozenset({
    "id", "title", "severity", "query", "why", "next", "attack", "quiet", "threshold", "new", "sequence", "denied",
    "failed", "enabled", "fire", "pass",
})
REQUIRED: Final = ("id", "title", "severity", "query", "why", "next", "fire", "pass")
MOST_COUNT: Final = 1000
LONGEST_WITHIN: Final = 30 * 86_400_000_000
_ID: Final = re.compile(r"(?!.{101})[a-z0-9]+(?:-[a-z0-9]+)*")
_ATTACK: Final = re.compile(r"T\d{4}(\.\d{3})?")
_WITHIN: Final = re.compile(r"(\d{1,4})([smhd])")
_UNITS: Final = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_RULE: Final = re.compile(r"^[ \t]*\[\[[ \t]*rule[ \t]*\]\]", re.MULTILINE)
_NOW: Final = 1_800_000_000_000_000
OBJECT: Final = "object"


class RuleError(ConfigError):
    """A rule cannot be used; the message begins with the file and the line."""


def built_in_rules() -> list[Rule]:
    """Return the rules that come with the program, by file and place."""
    return [rule for path in sorted(BUILT_IN.glob("*.toml")) for rule in read_file(path, f"built-in {path.name}")]


def read_rules(folder: str) -> list[Rule]:
    """Return the built-in rules and those of a folder, which take the place of built-in ones; raises RuleError."""
    own = [rule for path in sorted(Path(folder).glob("*.toml")) for rule in read_file(path)] if folder else []
    _refuse_twice(own)
    replaced = {rule.id for rule in own}
    return [*(rule for rule in built_in_rules() if rule.id not in replaced), *own]


def read_file(path: Path, source: str = "") -> list[Rule]:
    """Return the rules of a file; raises RuleError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{path}: cannot be read: {error}") from error
    return read_text(text, source or str(path))


def read_text(text: str, source: str) -> list[Rule]:
    """Return the rules of a file's text; raises RuleError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{source}: is not TOML: {error}") from error
    unknown = sorted(document.keys() - {"rule"})
    tables = document.get("rule", [])
    if unknown or not isinstance(tables, list):
        raise RuleError(f"{source}:1: a file of rules holds tables [[rule]] and nothing else")
    starts = [found.start() for found in _RULE.finditer(text)]
    rules = []
    for number, table in enumerate(tables):
        start = starts[number] if number < len(starts) else 0
        end = starts[number + 1] if number + 1 < len(starts) else len(text)
        rules.append(_Reader(table, text, start, end, source).rule())
    _refuse_twice(rules)
    return rules


def _refuse_twice(rules: Iterable[Rule]) -> None:
    known: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in known:
            raise RuleError(f"{rule.source}: the id {rule.id} is taken by {known[rule.id].source}")
        known[rule.id] = rule


class _Reader:
    """Reads one table; ``start`` and ``end`` are where it stands in the text."""

    def __init__(self, table: dict[str, Any], text: str, start: int, end: int, source: str) -> None:
        self._table, self._text, self._start, self._end, self._source = table, text, start, end, source

    def rule(self) -> Rule:
        """Return the rule."""
        self._check_keys()
        identifier = self._text_of("id", _ID)
        node, first = self._node(), None
        sequence = self._sequence()
        if sequence:
            first = self._parse("sequence", sequence.after)
        windows = [name for name in ("threshold", "new", "sequence") if name in self._table]
        if len(windows) > 1:
            raise self._mistake(windows[1], f"a rule has one of threshold, new and sequence, not {len(windows)}")
        return Rule(
            id=identifier, title=self._text_of("title"), severity=self._choice("severity", SEVERITIES),
            query=self._text_of("query"), node=node, why=self._text_of("why"), next=self._text_of("next"),
            attack=self._texts("attack", _ATTACK), quiet=self._texts("quiet"), threshold=self._threshold(),
            new=self._new(), sequence=sequence, first=first,
            denied=self._choice("denied", ("lower", "same", "skip"), "lower"), failed=self._flag("failed", False),
            is_on=self._flag("enabled", True), examples=self._examples(), source=f"{self._source}:{self._line()}",
        )

    def _check_keys(self) -> None:
        for name in self._table.keys() - KEYS:
            raise self._mistake(name, f"{name} is not a key of a rule; there are {', '.join(sorted(KEYS))}")
        for name in REQUIRED:
            if name not in self._table:
                raise self._mistake("", f"{name} is missing")

    def _node(self) -> Node:
        """Return what the query finds, without what is known to be good and without copies of a template."""
        node = self._parse("query", self._text_of("query"))
        parts = [node, *(Not(self._parse("quiet", text)) for text in self._texts("quiet"))]
        if _reads_pods(node):
            parts.append(Not(Holds("copied", "", ("true",))))
        return And(tuple(parts))

    def _parse(self, key: str, text: str) -> Node:
        try:
            node = parse(text, _NOW)
        except QueryError as error:
            raise self._mistake(key, f"{text!r} at character {error.position + 1}: {error.message}") from error
        if node == And():
            raise self._mistake(key, "a query that finds every event is no rule")
        return node

    def _threshold(self) -> Threshold | None:
        table = self._inner("threshold", {"count", "by", "within", "distinct"})
        if table is None:
            return None
        count = table.get("count")
        if type(count) is not int or not 2 <= count <= MOST_COUNT:
            raise self._mistake("threshold", f"count is a number from 2 to {MOST_COUNT}")
        distinct = table.get("distinct", "")
        fields = self._fields("threshold", [distinct]) if distinct else ("",)
        return Threshold(count, self._fields("threshold", table.get("by")), self._within("threshold", table), fields[0])

    def _new(self) -> New | None:
        table = self._inner("new", {"of", "within"})
        return New(self._fields("new", table.get("of")), self._within("new", table)) if table is not None else None

    def _sequence(self) -> Sequence | None:
        table = self._inner("sequence", {"after", "by", "within"})
        if table is None:
            return None
        after = table.get("after")
        if not isinstance(after, str):
            raise self._mistake("sequence", "after is a query")
        return Sequence(after, self._fields("sequence", table.get("by")), self._within("sequence", table))

    def _inner(self, key: str, names: set[str]) -> dict[str, Any] | None:
        table = self._table.get(key)
        if table is None:
            return None
        if not isinstance(table, dict) or table.keys() - names:
            raise self._mistake(key, f"{key} is a table of {', '.join(sorted(names))}")
        return table

    def _fields(self, key: str, names: Any) -> tuple[str, ...]:
        """Read names of fields that an event has one value of."""
        known = {name for name, field in BY_NAME.items() if field.column} | {OBJECT}
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise self._mistake(key, "a list of fields is needed")
        for name in names:
            if name not in known:
                raise self._mistake(key, f"{name} is not a field with one value; there are {', '.join(sorted(known))}")
        return tuple(names)

    def _within(self, key: str, table: dict[str, Any]) -> int:
        text = table.get("within")
        match = _WITHIN.fullmatch(text) if isinstance(text, str) else None
        within = int(match[1]) * _UNITS[match[2]] if match else 0
        if not 0 < within <= LONGEST_WITHIN:
            raise self._mistake(key, "within is a time such as 90s, 15m, 6h or 7d, of at most 30d")
        return within

    def _text_of(self, key: str, pattern: re.Pattern[str] | None = None) -> str:
        text = self._table.get(key)
        if not isinstance(text, str) or not text.strip():
            raise self._mistake(key, f"{key} is a text")
        if pattern and not pattern.fullmatch(text):
            raise self._mistake(key, f"{text!r} is no {key}; letters a-z, digits and single dashes are")
        return text.strip()

    def _texts(self, key: str, pattern: re.Pattern[str] | None = None) -> tuple[str, ...]:
        texts = self._table.get(key, [])
        is_list = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
        if not is_list or pattern and not all(map(pattern.fullmatch, texts)):
            raise self._mistake(key, f"{key} is a list of texts" + (" such as T1611 or T1098.006" if pattern else ""))
        return tuple(texts)

    def _choice(self, key: str, choices: Iterable[Any], default: str = "") -> Any:
        value = self._table.get(key, default)
        if value not in choices:
            raise self._mistake(key, f"{key} is one of {', '.join(choices)}")
        return value

    def _flag(self, key: str, default: bool) -> bool:
        value = self._table.get(key, default)
        if not isinstance(value, bool):
            raise self._mistake(key, f"{key} is true or false")
        return value

    def _examples(self) -> tuple[Example, ...]:
        found: list[Example] = []
        for key in ("fire", "pass"):
            lists = self._table[key]
            if not isinstance(lists, list) or not lists:
                raise self._mistake(key, f"{key} is a list of examples, at least one")
            found += [Example(tuple(each) if isinstance(each, list) else (each,), key == "fire") for each in lists]
        return tuple(found)

    def _mistake(self, key: str, message: str) -> RuleError:
        name = self._table.get("id")
        owner = f"rule {name}: " if isinstance(name, str) else ""
        return RuleError(f"{self._source}:{self._line(key)}: {owner}{message}")

    def _line(self, key: str = "") -> int:
        """Return the line of a key of this table, or that of the table."""
        start = self._start
        if key:
            found = re.compile(rf"^[ \t]*{re.escape(key)}[ \t]*=", re.MULTILINE).search(self._text, start, self._end)
            start = found.end() if found else start
        return self._text.count("\n", 0, start) + 1


def _reads_pods(node: Node) -> bool:
    match node:
        case And(children) | Or(children):
            return any(map(_reads_pods, children))
        case Holds(field, _, _):
            return field.startswith("pod.")
        case _:
            return False
