"""The metrics of messages to sinks, read from the database by a worker, so that no scrape waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from audit_webhook.errors import AuditWebhookError
from audit_webhook.operate.metric_names import MEANINGS
from audit_webhook.worker import Worker

INTERVAL_SECONDS: Final = 15.0


class SinkSample(NamedTuple):
    """The messages of a sink: how many wait, are dead and were sent, failed tries, and how late the latest one is."""

    sink: str
    waiting: int
    dead: int
    sent: int
    failed: int
    oldest_seconds: float


class SinkWatch(Worker, Collector):
    """A worker that asks a function now and then, and exposes its last answer."""

    name = "sinks"

    def __init__(self, read: Callable[[], Iterable[SinkSample]]) -> None:
        """Ask this function; nothing is known yet."""
        super().__init__()
        self._read: Final = read
        self._samples: tuple[SinkSample, ...] = ()

    def work(self) -> float:
        """Ask once; while the database is away, what is known stays."""
        with suppress(AuditWebhookError):
            self._samples = tuple(self._read())
        return INTERVAL_SECONDS

    def collect(self) -> Iterable[Metric]:
        """Return every metric, for prometheus-client."""
        for what in ("waiting", "dead", "oldest_seconds"):
            gauge = GaugeMetricFamily(f"audit_webhook_notifications_{what}", _meaning(what), labels=("sink",))
            for sample in self._samples:
                gauge.add_metric([sample.sink], getattr(sample, what))
            yield gauge
        for what in ("sent", "failed"):
            name = f"{what}_total"
            counter = CounterMetricFamily(f"audit_webhook_notifications_{name}", _meaning(name), labels=("sink",))
            for sample in self._samples:
                counter.add_metric([sample.sink], getattr(sample, what))
            yield counter


def _meaning(what: str) -> str:
    return MEANINGS[f"audit_webhook_notifications_{what}"]
