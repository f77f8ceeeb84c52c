"""The metrics of the quarantine, read from the database by a worker, so that no scrape waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from audit_webhook.errors import AuditWebhookError
from audit_webhook.operate.metric_names import MEANINGS
from audit_webhook.worker import Worker

INTERVAL_SECONDS: Final = 30.0


class QuarantineSample(NamedTuple):
    """Of each cluster: items kept, their bytes as stored, and items that were left out."""

    items: Mapping[str, int]
    stored_bytes: Mapping[str, int]
    left_out: Mapping[str, int]


class QuarantineWatch(Worker, Collector):
    """A worker that asks a function now and then, and exposes its last answer."""

    name = "quarantine"

    def __init__(self, read: Callable[[], QuarantineSample]) -> None:
        """Ask this function; nothing is known yet."""
        super().__init__()
        self._read: Final = read
        self._sample = QuarantineSample({}, {}, {})

    def work(self) -> float:
        """Ask once; while the database is away, what is known stays."""
        with suppress(AuditWebhookError):
            self._sample = self._read()
        return INTERVAL_SECONDS

    def collect(self) -> Iterable[Metric]:
        """Return every metric, for prometheus-client."""
        items, size, left = self._sample
        yield _by_cluster("audit_webhook_quarantine_items", items)
        yield _by_cluster("audit_webhook_quarantine_bytes", size)
        yield _by_cluster("audit_webhook_quarantine_left_out", left)


def _by_cluster(name: str, values: Mapping[str, int]) -> Metric:
    found = GaugeMetricFamily(name, MEANINGS[name], labels=("cluster",))
    for cluster, value in sorted(values.items()):
        found.add_metric([cluster], value)
    return found
