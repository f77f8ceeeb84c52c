"""Tells of each rule whether it can fire on a cluster, from what was recorded of that cluster lately.

A rule looks at verbs and resources, and some look into bodies. What was recorded shows at which level; that nothing
was recorded may also mean that nobody asked, so that this is called not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from audit_webhook.alerts.rule import Rule
from audit_webhook.alerts.rule_book import required
from audit_webhook.deadline import check
from audit_webhook.search.histogram.dimensions import Dimensions
from audit_webhook.storage.chunks.counts import DAY, merge
from audit_webhook.storage.repository import Repository

DAYS: Final = 7
Verdict = Literal["can", "cannot", "not known"]


class Recorded(NamedTuple):
    """What was recorded: a verb, a resource, a subresource, and at which level."""

    verb: str
    resource: str
    subresource: str
    level: str


class Covered(NamedTuple):
    """Whether a rule can fire on a cluster, and why."""

    rule: Rule
    verdict: Verdict
    reason: str


class ClusterCoverage(NamedTuple):
    """What the rules can see of a cluster; those that cannot fire come first, then those of which nothing is known."""

    cluster: str
    rules: tuple[Covered, ...]

    def count(self, verdict: Verdict) -> int:
        """Return how many rules have a verdict."""
        return sum(each.verdict == verdict for each in self.rules)


def view_coverage(repository: Repository, rules: Iterable[Rule], now: int) -> list[ClusterCoverage]:
    """Return what the rules can see of each cluster that was heard from in the last days; now is in microseconds.

    Raises TimeoutError when a page's time is over.
    """
    chosen = tuple(rules)
    order = ("cannot", "not known", "can")
    return [
        ClusterCoverage(cluster, tuple(sorted(
            (covered(rule, recorded) for rule in chosen), key=lambda each: (order.index(each.verdict), each.rule.id)
        ))) for cluster, recorded in sorted(recorded_of(repository, now).items())
    ]


def recorded_of(repository: Repository, now: int) -> dict[str, set[Recorded]]:
    """Return by cluster what was recorded lately, as far as it may be seen."""
    found: defaultdict[str, set[Recorded]] = defaultdict(set)
    dimensions = Dimensions(repository.tallies)
    today = now // 1000 // DAY * DAY
    for day in range(today - (DAYS - 1) * DAY, today + DAY, DAY):
        check()
        counts = merge(row.content for row in repository.tallies.select_tallies(day, day + DAY))
        for event in dimensions.events(counts).values():
            if event.stage != "RequestReceived":
                found[event.cluster].add(Recorded(event.verb, event.resource, event.subresource, event.level))
    return found


def covered(rule: Rule, recorded: Iterable[Recorded]) -> Covered:
    """Return whether a rule can fire where this was recorded."""
    fields = ("verb", "resource", "sub")
    wanted = [required(rule.node, field) for field in fields]
    seen = [each for each in recorded if all(
        values is None or value in values for values, value in zip(wanted, each[:3], strict=True)
    )]
    if not seen:
        return Covered(rule, "not known", f"no request that it looks at was recorded in {DAYS} days")
    levels = required(rule.node, "level")
    if levels is None or any(each.level in levels for each in seen):
        return Covered(rule, "can", "")
    names = _listed(sorted({each.resource for each in seen if each.resource}) or ["requests"])
    return Covered(
        rule, "cannot", f"{names} are recorded at {_listed(sorted({each.level for each in seen}))}, "
        f"but the rule needs what is recorded at {_listed(sorted(levels), 'or')} alone"
    )


def _listed(names: list[str], word: str = "and") -> str:
    """Return some names as a text; of many, the first."""
    if len(names) > 4:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return f"{', '.join(names[:-1])} {word} {names[-1]}" if len(names) > 1 else names[0]


def document_of_coverage(found: ClusterCoverage) -> dict[str, object]:
    """Return the coverage of a cluster as the JSON interface shows it; a rule that can fire has no reason."""
    return {
        "cluster": found.cluster, "can": found.count("can"), "cannot": found.count("cannot"),
        "not_known": found.count("not known"), "rules": [
            {"id": each.rule.id, "verdict": each.verdict.replace(" ", "_"), "reason": each.reason or None}
            for each in found.rules
        ],
    }
