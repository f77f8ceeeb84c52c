"""Keeps events for as many days as wanted, and no longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from audit_webhook.events.event import rfc3339
from audit_webhook.evidence.signer import Signer
from audit_webhook.storage import server_status as engine_state
from audit_webhook.storage.database import Database
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.retention import DAY, Expired, Pruner

GRACE_DAYS: Final = 30
"""How much longer callers and actions stay than events: a clock that ran ahead dates events later than they came."""

MOST_AHEAD: Final = 86_400_000_000
"""Microseconds that our clock may be ahead of the newest receipt, the newest event and the database's clock."""
LARGEST_SHARE: Final = 0.5

Watch = Callable[[Expired], None]


def first_kept(days: int, now: int) -> int:
    """Give the first moment that is kept, a midnight in UTC in milliseconds; ``now`` is in microseconds."""
    return (now // 1000 // DAY - days) * DAY


def preview(repository: Repository, days: int, now: int) -> Expired:
    """Tell what `prune` would delete."""
    return Pruner(repository.database).count_expired(first_kept(days, now))


def doubts(database: Database, days: int, now: int) -> str:
    """Return why nothing should be deleted unless a person says so; empty when nothing speaks against it.

    A clock that is ahead would delete all there is: it must not be far beyond the other clocks that left a trace here,
    and no single turn may take most of what is stored.
    """
    pruner = Pruner(database)
    expired = pruner.count_expired(first_kept(days, now))
    if expired.oldest is None:
        return ""
    newest = min(engine_state.newest_arrival(database), pruner.newest_event() * 1000)
    if database.dialect == "mysql":
        newest = min(newest, now + round(engine_state.clock_skew(database) * 1_000_000))
    if now - newest > MOST_AHEAD:
        return f"the clock shows {rfc3339(now)}, but nothing else here is later than {rfc3339(newest)}"
    share = expired.events / max(pruner.count_all(), expired.events, 1)
    if share > max(LARGEST_SHARE, 2 / (days + 1)):
        return f"{share:.0%} of all events, {expired.events:,}, would go at once"
    return ""


def advice(days: int) -> str:
    """Return what a person runs who knows that so much may go."""
    return f"run: audit-webhook prune --older-than {days}d --force"


def prune(
    repository: Repository, days: int, now: int, watch: Watch = lambda left: None, signer: Signer | None = None
) -> Expired:
    """Delete all that is older than so many whole days in UTC; give what it was.

    ``watch`` is told again and again what is left to delete; ``signer`` signs that it was meant to go. Raises what
    `database.classify` knows; what was deleted by then stays deleted, and the next time goes on.
    """
    before = first_kept(days, now)
    pruner = Pruner(repository.database)
    found = pruner.count_expired(before)
    if signer is not None:
        signer.sign_pruning(before, pruner.kept_days(before))
    for left in pruner.prune(before):
        watch(left)
    if signer is not None:
        signer.trim(before)
    pruner.forget_unreadable(before)
    pruner.forget_readings(before)
    pruner.fold_arrivals(before)
    pruner.forget(before - GRACE_DAYS * DAY, now // 1000)
    return found
