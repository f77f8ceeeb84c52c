"""The rules as their page shows them: what each found, whether it is on, and which techniques all of them cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from audit_webhook.alerts.inbox import MICROSECONDS_A_DAY
from audit_webhook.alerts.rule import Rule
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.storage.alert_decision_store import Mute, Switch
from audit_webhook.storage.alert_store import AlertStore, RuleCount

DAYS: Final = 30
TACTICS: Final = (
    ("Initial access", ("T1078", "T1133", "T1190")),
    ("Execution", ("T1053", "T1059", "T1609", "T1610")),
    ("Persistence", ("T1098", "T1136", "T1525", "T1543", "T1546")),
    ("Privilege escalation", ("T1068", "T1134", "T1548", "T1611")),
    ("Defense evasion", ("T1027", "T1036", "T1070", "T1222", "T1550", "T1562", "T1578")),
    ("Credential access", ("T1040", "T1110", "T1528", "T1552", "T1557")),
    ("Discovery", ("T1069", "T1087", "T1595", "T1613")),
    ("Lateral movement and control", ("T1021", "T1090", "T1105", "T1572")),
    ("Collection and exfiltration", ("T1041", "T1213", "T1530")),
    ("Impact", ("T1485", "T1489", "T1496", "T1498", "T1499", "T1565")),
)
"""The tactics of MITRE ATT&CK with the techniques that rules name; a technique of several tactics stands once."""


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule in the list; the time of its last hit in microseconds, 0 for none."""

    rule: Rule
    is_on: bool
    alerts: int
    hits: int
    open: int
    last: int
    mutes: int


@dataclass(frozen=True, slots=True)
class Tactic:
    """A column of the matrix: its techniques, each with the number of rules that are on."""

    name: str
    techniques: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class RulesPage:
    """All rules, and the matrix of what they cover; ``trouble`` is what is wrong with RULES_DIR."""

    lines: tuple[RuleLine, ...]
    tactics: tuple[Tactic, ...]
    trouble: str
    technique: str


def view_rules(
    store: AlertStore, shelf: RuleShelf, switches: Mapping[str, Switch], mutes: list[Mute], technique: str, now: int
) -> RulesPage:
    """Return the rules of a technique, or all of them when none is named."""
    counts = {each.rule: each for each in store.count_by_rule(now - DAYS * MICROSECONDS_A_DAY)}
    active = [mute for mute in mutes if mute.is_active(now)]
    lines = [_line(rule, switches, counts.get(rule.id), active) for rule in shelf.rules()]
    chosen = [line for line in lines if not technique or any(each.startswith(technique) for each in line.rule.attack)]
    chosen.sort(key=lambda line: (-line.open, -line.hits, line.rule.id))
    return RulesPage(tuple(chosen), tuple(_tactics(lines)), shelf.trouble, technique)


def is_on(rule: Rule, switches: Mapping[str, Switch]) -> bool:
    """Return whether a rule is on: as somebody switched it, or else as its file says."""
    return switches[rule.id].is_on if rule.id in switches else rule.is_on


def _line(rule: Rule, switches: Mapping[str, Switch], count: RuleCount | None, mutes: list[Mute]) -> RuleLine:
    own = sum(mute.rule in ("", rule.id) for mute in mutes)
    if count is None:
        return RuleLine(rule, is_on(rule, switches), 0, 0, 0, 0, own)
    return RuleLine(rule, is_on(rule, switches), count.alerts, count.hits, count.open, count.last, own)


def _tactics(lines: list[RuleLine]) -> list[Tactic]:
    named: dict[str, int] = {}
    for line in lines:
        for technique in {each.partition(".")[0] for each in line.rule.attack}:
            named[technique] = named.get(technique, 0) + line.is_on
    return [
        Tactic(name, tuple((each, named[each]) for each in techniques if each in named)) for name, techniques in TACTICS
    ]
