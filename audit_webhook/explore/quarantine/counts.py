"""How much is in quarantine of each cluster, for metrics."""

from __future__ import annotations

from audit_webhook.operate.quarantine_metrics import QuarantineSample
from audit_webhook.storage.quarantine_store import QuarantineStore


def sample_quarantine(store: QuarantineStore) -> QuarantineSample:
    """Return what is kept and what was left out; raises StoreUnavailable."""
    usage, left = store.usage(), store.left_out()
    return QuarantineSample(
        {name: each.items for name, each in usage.items()}, {name: each.stored_bytes for name, each in usage.items()},
        {**dict.fromkeys(usage, 0), **{each.cluster: each.items for each in left}},
    )
