"""``audit-webhook rules``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import orjson

from audit_webhook import command_line
from audit_webhook.alerts.commands import replay
from audit_webhook.alerts.document import document_of_rule
from audit_webhook.alerts.examples import failures
from audit_webhook.alerts.inbox import MICROSECONDS_A_DAY
from audit_webhook.alerts.noise import measure
from audit_webhook.alerts.rule import Rule
from audit_webhook.alerts.rule_files import RuleError, read_file, read_rules
from audit_webhook.events.visible_text import write_out_json

HELP: Final = "list the rules for alerts, test them on examples, or count what they find in files or in the store"
WRONG: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do, and with which rules."""
    parser.add_argument("action", choices=("list", "test", "noise", "replay"), help="what to do")
    parser.add_argument("names", nargs="*", metavar="NAME", help="ids of rules, or files; all without one")
    parser.add_argument("--events", nargs="+", default=[], metavar="FILE", help="for noise: batches, or events a line")
    parser.add_argument(
        "--learning", type=int, default=1, metavar="DAYS", help="for noise and replay: how long rules look on (1)"
    )
    replay.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="write JSON")


def run(chosen: argparse.Namespace) -> int:
    """Do it; return 1 when an example fails or a file cannot be used."""
    try:
        rules = _rules(chosen.names)
    except RuleError as error:
        print(error)
        return WRONG
    if chosen.action == "replay":
        return replay.run(rules, chosen)
    if chosen.action == "noise":
        return _noise(rules, chosen)
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
            print(write_out_json(orjson.dumps(document_of_rule(rule, rule.is_on)).decode()))
        else:
            print(f"{rule.severity:<9}{'on ' if rule.is_on else 'off'}  {rule.id:<40}{rule.title}")
    return 0


def _noise(rules: list[Rule], chosen: argparse.Namespace) -> int:
    """Print how many alerts the rules that are on would raise on files of events."""
    is_on = [rule for rule in rules if rule.is_on]
    found = measure(is_on, map(Path, chosen.events), chosen.learning * MICROSECONDS_A_DAY)
    for rule, alerts in sorted(found.alerts.items(), key=lambda each: (-each[1], each[0])):
        print(f"{alerts:>6} alerts {found.hits[rule]:>8} hits  {rule}")
    print(f"{found.events:,} events, {len(is_on)} rules, {sum(found.alerts.values())} alerts")
    return 0
