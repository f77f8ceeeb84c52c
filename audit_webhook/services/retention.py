"""Keeps events for as many days as wanted, and no longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from audit_webhook.pruning import DAY, Expired, Pruner
from audit_webhook.repository import Repository
from audit_webhook.services.witness import Witness

GRACE_DAYS: Final = 30
"""How much longer callers and actions stay than events: a clock that ran ahead dates events later than they came."""

Watch = Callable[[Expired], None]


def first_kept(days: int, now: int) -> int:
    """Give the first moment that is kept, a midnight in UTC in milliseconds; ``now`` is in microseconds."""
    return (now // 1000 // DAY - days) * DAY


def preview(repository: Repository, days: int, now: int) -> Expired:
    """Tell what `prune` would delete."""
    return Pruner(repository.database).count_expired(first_kept(days, now))


def prune(
    repository: Repository, days: int, now: int, watch: Watch = lambda left: None, witness: Witness | None = None
) -> Expired:
    """Delete all that is older than so many whole days in UTC; give what it was.

    ``watch`` is told again and again what is left to delete; ``witness`` signs that it was meant to go. Raises what
    `database.classify` knows; what was deleted by then stays deleted, and the next time goes on.
    """
    before = first_kept(days, now)
    pruner = Pruner(repository.database)
    found = pruner.count_expired(before)
    if witness is not None:
        witness.sign_pruning(before)
    for left in pruner.prune(before):
        watch(left)
    if witness is not None:
        witness.trim(before)
    pruner.forget_unreadable(before)
    pruner.forget_readings(before)
    pruner.fold_arrivals(before)
    pruner.forget(before - GRACE_DAYS * DAY, now // 1000)
    return found
