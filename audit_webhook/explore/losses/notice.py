"""What a page of events says of events that were lost in its time: an empty list is no proof that nothing happened."""

from __future__ import annotations

from typing import Final, NamedTuple

from audit_webhook.explore.losses.losses import needs_whole_cluster
from audit_webhook.storage.loss_store import GAPS, GIVEN_UP, LossStore
from audit_webhook.storage.scope import Scope

USUAL_SPAN: Final = 24 * 3_600_000_000
"""How far back losses are named where a page has no beginning of its own, in microseconds."""
DAY: Final = 24 * 3_600_000_000
MOST_DAYS: Final = 92


class LossNotice(NamedTuple):
    """What is known to be lost since a time, in words, and the page that has it all: a cluster and days."""

    text: str
    cluster: str
    days: int


def find_losses(store: LossStore, scope: Scope, cluster: str, since: int | None, now: int) -> LossNotice | None:
    """Return what was lost since a time of a cluster, or of all without a name; times in microseconds.

    None where nothing is known to be lost, and for readers to whom losses are not shown.
    """
    if needs_whole_cluster(scope):
        return None
    begin = max(now - USUAL_SPAN if since is None else since, now - MOST_DAYS * DAY)
    sums = [each for each in store.sum_losses(begin) if cluster in ("", each.cluster)]
    given_up = sum(each.events for each in sums if each.kind == GIVEN_UP)
    gaps = sum(each.rows for each in sums if each.kind in GAPS)
    refused = sum(each.requests for each in sums if each.kind != GIVEN_UP and each.kind not in GAPS)
    parts = [
        f"{given_up:,} events were given up by kube-apiservers" if given_up else "",
        f"{refused:,} requests were refused" if refused else "",
        f"senders paused or restarted {gaps:,} times" if gaps else "",
    ]
    told = "; ".join(part for part in parts if part)
    return LossNotice(told, cluster, min(max(1, -(-(now - begin) // DAY)), MOST_DAYS)) if told else None
