"""The metrics of senders and losses, read from what all processes have written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from audit_webhook.operate.metric_names import MEANINGS


class SenderSample(NamedTuple):
    """A sender with the time of its last batch in seconds, and whether it is missed now."""

    cluster: str
    address: str
    last_seconds: float
    is_silent: bool


class LossSamples(NamedTuple):
    """The values of these metrics; ``refused`` and ``gaps`` by cluster and kind."""

    senders: Iterable[SenderSample]
    missing: Mapping[str, int]
    refused: Mapping[tuple[str, str], int]
    given_up: Mapping[str, int]
    gaps: Mapping[tuple[str, str], int]


class LossCollector(Collector):
    """Exposes what a function gives at each scrape."""

    def __init__(self, read: Callable[[], LossSamples]) -> None:
        """Ask this function, which waits for nothing."""
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Return every metric, for prometheus-client."""
        samples = self._read()
        last = _gauge("audit_webhook_sender_last_contact_timestamp_seconds", "cluster", "address")
        silent = _gauge("audit_webhook_sender_silent", "cluster", "address")
        for sender in samples.senders:
            last.add_metric([sender.cluster, sender.address], sender.last_seconds)
            silent.add_metric([sender.cluster, sender.address], int(sender.is_silent))
        yield from (last, silent)
        yield _by_cluster("audit_webhook_senders_missing", samples.missing)
        yield _by_pair("audit_webhook_refused_requests_last_hour", "reason", samples.refused)
        yield _by_cluster("audit_webhook_events_given_up", samples.given_up)
        yield _by_pair("audit_webhook_gaps_last_hour", "kind", samples.gaps)


def _gauge(name: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, MEANINGS[name], labels=labels)


def _by_cluster(name: str, values: Mapping[str, int]) -> Metric:
    found = _gauge(name, "cluster")
    for cluster, value in sorted(values.items()):
        found.add_metric([cluster], value)
    return found


def _by_pair(name: str, label: str, values: Mapping[tuple[str, str], int]) -> Metric:
    found = _gauge(name, "cluster", label)
    for pair, value in sorted(values.items()):
        found.add_metric(list(pair), value)
    return found
