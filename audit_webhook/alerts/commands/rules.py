"""``audit-webhook rules``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import orjson

from audit_webhook import command_line
from audit_webhook.alerts.examples import failures
from audit_webhook.alerts.rule import Rule
from audit_webhook.alerts.rule_files import RuleError, read_file, read_rules

HELP: Final = "list the rules for alerts, or test them on their own examples"
WRONG: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do, and with which rules."""
    parser.add_argument("action", choices=("list", "test"), help="what to do")
    parser.add_argument("names", nargs="*", metavar="NAME", help="ids of rules, or files; all without one")
    parser.add_argument("--json", action="store_true", help="write JSON")


def run(chosen: argparse.Namespace) -> int:
    """Do it; return 1 when an example fails or a file cannot be used."""
    try:
        rules = _rules(chosen.names)
    except RuleError as error:
        print(error)
        return WRONG
    return _test(rules) if chosen.action == "test" else _list(rules, chosen.json)


def _rules(names: list[str]) -> list[Rule]:
    """Return the rules of the files that are named, or of the settings; of these only those named by id, if any are."""
    files, ids = [name for name in names if name.endswith(".toml")], {name for name in names if "." not in name}
    if files:
        return [rule for name in files for rule in read_file(Path(name))]
    rules = read_rules(command_line.load_settings().rules_dir)
    for name in sorted(ids - {rule.id for rule in rules}):
        raise RuleError(f"there is no rule {name}")
    return [rule for rule in rules if not ids or rule.id in ids]


def _test(rules: list[Rule]) -> int:
    wrong = [failure for rule in rules for failure in failures(rule)]
    for failure in wrong:
        print(failure)
    examples = sum(len(rule.examples) for rule in rules)
    print(f"{len(rules)} rules, {examples} examples, {len(wrong)} failed")
    return WRONG if wrong else 0


def _list(rules: list[Rule], as_json: bool) -> int:
    for rule in rules:
        if as_json:
            print(orjson.dumps(document_of(rule)).decode())
        else:
            print(f"{rule.severity:<9}{'on ' if rule.is_on else 'off'}  {rule.id:<40}{rule.title}")
    return 0


def document_of(rule: Rule) -> dict[str, object]:
    """Return a rule as JSON shows it."""
    return {
        "id": rule.id, "title": rule.title, "severity": rule.severity, "query": rule.query, "enabled": rule.is_on,
        "attack": list(rule.attack), "why": rule.why, "next": rule.next, "quiet": list(rule.quiet),
        "source": rule.source,
    }
