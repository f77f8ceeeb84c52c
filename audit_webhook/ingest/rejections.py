"""How many requests were refused, for which cluster and why, in words."""

from __future__ import annotations

from collections import defaultdict
from typing import Final, NamedTuple

from audit_webhook.storage.rejection_store import MICROSECONDS_A_DAY, NO_NAME, RefusedRequests
from audit_webhook.storage.repository import Repository

WORDS: Final = {
    "token": "without a valid token",
    "forbidden": "with another cluster's token",
    "cluster": "for an impossible name",
    "encoding": "compressed",
    "size": "too large",
    "malformed": "not an event list",
    "overload": "too many at once",
    "store": "not storable at that time",
    "framing": "not clear HTTP",
    "slow": "too slow",
    "other": "for other reasons",
}


class Refused(NamedTuple):
    """How many requests were refused in some days: all together, and for each reason, the most frequent one first."""

    requests: int
    reasons: tuple[tuple[str, int], ...]


def count_refused(repository: Repository, days: int, now: int) -> dict[str, Refused]:
    """Give what was refused in the last days, today included, by cluster; `NO_NAME` holds what named none of them."""
    found: defaultdict[str, list[RefusedRequests]] = defaultdict(list)
    for each in repository.refusals.refused_since(now // MICROSECONDS_A_DAY - days + 1):
        found[each.cluster].append(each)
    return {cluster: _sum(counted) for cluster, counted in found.items()}


def nameless(counted: dict[str, Refused]) -> Refused | None:
    """Give what named no cluster that is listed; None when there is nothing, or it may not be seen."""
    return counted.get(NO_NAME)


def _sum(counted: list[RefusedRequests]) -> Refused:
    ordered = sorted(counted, key=lambda each: -each.requests)
    reasons = tuple((WORDS.get(each.kind, WORDS["other"]), each.requests) for each in ordered)
    return Refused(sum(each.requests for each in counted), reasons)
