"""What the service counts, for Prometheus; correct for all processes together, whichever of them is asked.

Events and bytes are counted where a batch ends, all its numbers in one step, so that for each cluster and at any moment
received = stored + spooled + duplicate + quarantined + refused. The bytes of a body are counted once, under the first
of these that any of its events came to.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from audit_webhook import errors
from audit_webhook.operate.metric_names import MEANINGS
from audit_webhook.operate.shared_counters import Place, SharedCounters

CLUSTERS: Final = 512
OUTCOMES: Final = ("stored", "spooled", "quarantined", "duplicate", "refused")
ROUTES: Final = ("ingest", "api", "pages", "ops")
FRAMING: Final = "framing"
SLOW: Final = "slow"
OTHER: Final = "other"
REASONS: Final[dict[type[Exception], str]] = {
    errors.Unauthenticated: "token",
    errors.Forbidden: "forbidden",
    errors.InvalidCluster: "cluster",
    errors.UnsupportedEncoding: "encoding",
    errors.BodyTooLarge: "size",
    errors.BodyCutOff: "slow",
    errors.MalformedBatch: "malformed",
    errors.Overloaded: "overload",
    errors.StoreUnavailable: "store",
    errors.StoreMisconfigured: "store",
}
REFUSAL_REASONS: Final = (*dict.fromkeys(REASONS.values()), FRAMING, SLOW, OTHER)
REQUEST_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
LAG_SECONDS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)

_HELD: Final = ("stored", "spooled", "quarantined", "duplicate", "refused", "received", "drained")
_BREAKS: Final = ("MISSING", "BAD_LINK", "GAP", "BAD_SIGNATURE", "TRUNCATED")
_TASKS: Final = (
    "maintenance", "health probe", "compactor", "pruning", "checkpointer", "spool drain", "database file", "quarantine",
    "evaluation", "delivery", "sinks",
)
_LAG: Final = [("lag", str(index)) for index in range(len(LAG_SECONDS) + 1)]
_CLUSTER: Final = [*(("events", name) for name in _HELD), *(("bytes", name) for name in _HELD), *_LAG]
_CLUSTER_KEYS: Final = [*_CLUSTER, ("lag", "sum"), ("contact", "")]
_REQUESTS: Final = [(route, str(index)) for route in ROUTES for index in range(len(REQUEST_SECONDS) + 1)]
_PROCESS_KEYS: Final = [
    *_REQUESTS, *((route, "sum") for route in ROUTES), *(("refused", reason) for reason in REFUSAL_REASONS),
    ("in flight", "requests"), ("in flight", "bytes"), ("process", "starts"), ("checkpoint", "wanted"),
    ("checkpoint", "made"), ("retention", "wanted"), ("retention", "held back"), *(("break", kind) for kind in _BREAKS),
    *(("failed", task) for task in _TASKS),
]
_OF_CLUSTER: Final = {key: index for index, key in enumerate(_CLUSTER_KEYS)}
_OF_PROCESS: Final = {key: index for index, key in enumerate(_PROCESS_KEYS)}


class Went(Protocol):
    """A receipt: how many events a batch held; where they went is in the fields of `OUTCOMES` that it has."""

    @property
    def received(self) -> int:
        """Give the number of its events."""


class SpoolState(NamedTuple):
    """The bytes that wait in the spool and the age of the oldest batch in seconds."""

    size: int = 0
    oldest: float = 0.0


class DiskState(Protocol):
    """The bytes that are free on a disk, and all that it has."""

    @property
    def free(self) -> int:
        """Give the bytes that are free."""

    @property
    def size(self) -> int:
        """Give all bytes."""


def make_counters(places: int) -> SharedCounters:
    """Make the memory that so many processes share; before they are forked."""
    return SharedCounters(places, CLUSTERS + 1, max(len(_CLUSTER_KEYS), len(_PROCESS_KEYS)))


class Metrics(Collector):
    """The counters of this process, and what all processes of its board counted together.

    ``spool`` and ``disks`` are asked for the state of the spool and of the disks by name at each scrape.
    """

    def __init__(self, counters: SharedCounters | None = None, place: int = 0) -> None:
        """Count at this place of a board; without one, alone."""
        self._counters = counters or make_counters(1)
        self._own = Place(self._counters, place)
        self._own.update(None, {_OF_PROCESS["process", "starts"]: 1})
        self.spool: Callable[[], SpoolState] = SpoolState
        self.disks: Callable[[], Mapping[str, DiskState]] = dict
        self.registry: Final = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def note_batch(self, cluster: str, size: int, receipt: Went, now: int, lag: float | None = None) -> None:
        """Count a batch that was answered with 200; ``now`` in microseconds, ``lag`` of its oldest event in seconds."""
        counts = {name: int(getattr(receipt, name, 0)) for name in OUTCOMES if name != "refused"}
        place = next((name for name, count in counts.items() if count), "stored")
        self._note(cluster, size, place, {**counts, "received": receipt.received}, now, lag)

    def note_refused_batch(self, cluster: str, size: int, events: int, now: int) -> None:
        """Count a batch that was read and answered with an error; ``events`` is what is known of its number."""
        self._note(cluster, size, "refused", {"refused": events, "received": events}, now, None)

    def _note(
        self, cluster: str, size: int, place: str, events: dict[str, int], now: int, lag: float | None
    ) -> None:
        add: dict[int, float] = {_OF_CLUSTER["events", name]: count for name, count in events.items()}
        add |= {_OF_CLUSTER["bytes", place]: size, _OF_CLUSTER["bytes", "received"]: size}
        if lag is not None:
            bucket = str(bisect_left(LAG_SECONDS, lag))
            add |= {_OF_CLUSTER["lag", bucket]: 1, _OF_CLUSTER["lag", "sum"]: max(lag, 0.0)}
        contact = {_OF_CLUSTER["contact", ""]: now / 1e6} if place != "refused" else {}
        self._own.update(cluster, add, contact)

    def note_drained(self, cluster: str, events: int, size: int) -> None:
        """Count a batch that went from the spool into the database."""
        self._own.update(cluster, {_OF_CLUSTER["events", "drained"]: events, _OF_CLUSTER["bytes", "drained"]: size})

    def note_refusal(self, reason: str | Exception) -> str:
        """Count a refused request; give the name of its reason, one of `REFUSAL_REASONS`."""
        if isinstance(reason, Exception):
            reason = next((REASONS[kind] for kind in type(reason).__mro__ if kind in REASONS), OTHER)
        self._own.update(None, {_OF_PROCESS["refused", reason]: 1})
        return reason

    def note_request(self, route: str, seconds: float) -> None:
        """Count an answered request of a route."""
        bucket = str(bisect_left(REQUEST_SECONDS, seconds))
        self._own.update(None, {_OF_PROCESS[route, bucket]: 1, _OF_PROCESS[route, "sum"]: seconds})

    def note_in_flight(self, requests: int, size: int) -> None:
        """Say how many batches and bytes this process holds now."""
        put = {_OF_PROCESS["in flight", "requests"]: requests, _OF_PROCESS["in flight", "bytes"]: size}
        self._own.update(None, {}, put)

    def note_checkpoint(self, made: int) -> None:
        """Say when the newest checkpoint was made, in microseconds; 0 when that is not known."""
        put = {_OF_PROCESS["checkpoint", "wanted"]: 1, _OF_PROCESS["checkpoint", "made"]: made / 1e6}
        self._own.update(None, {}, put)

    def note_retention(self, is_held_back: bool) -> None:
        """Say whether retention deletes nothing because something looks wrong."""
        put = {_OF_PROCESS["retention", "wanted"]: 1, _OF_PROCESS["retention", "held back"]: int(is_held_back)}
        self._own.update(None, {}, put)

    def note_break(self, kind: str) -> None:
        """Count something that is wrong with the evidence, of a kind that `SelfCheck` finds."""
        self._own.update(None, {_OF_PROCESS["break", kind]: 1})

    def note_background_failure(self, task: str) -> None:
        """Count a background task that ended with an unforeseen error; ``task`` is the name of its worker."""
        self._own.update(None, {_OF_PROCESS["failed", task]: 1})

    def expose(self, accept: str) -> tuple[bytes, str]:
        """Give the answer to a scrape and its content type, as the Accept header asks."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def collect(self) -> Iterable[Metric]:
        """Give every metric, for prometheus-client."""
        clusters = sorted(self._clusters().items())
        yield from _count_events(clusters)
        yield _lag_of(clusters)
        contact = _gauge("audit_webhook_last_contact_timestamp_seconds", ["cluster"])
        for cluster, numbers in clusters:
            if moment := numbers[_OF_CLUSTER["contact", ""]]:
                contact.add_metric([cluster], moment)
        yield contact
        records = [self._counters.read(place, 0) for place in range(self._counters.places)]
        yield from _describe_processes([sum(numbers) for numbers in zip(*records, strict=True)])
        yield from _describe_evidence([max(numbers) for numbers in zip(*records, strict=True)])
        size, oldest = self.spool()
        yield _gauge("audit_webhook_spool_bytes", value=size)
        yield _gauge("audit_webhook_spool_oldest_seconds", value=oldest)
        yield from _describe_disks(self.disks())

    def _clusters(self) -> dict[str, list[float]]:
        """Give each cluster's numbers, summed over all processes; of the times of contact, the last."""
        found: dict[str, list[float]] = {}
        contact = _OF_CLUSTER["contact", ""]
        for place in range(self._counters.places):
            for record in range(1, self._counters.records):
                if name := self._counters.name(place, record):
                    numbers = self._counters.read(place, record)
                    known = found.get(name, [0.0] * len(numbers))
                    found[name] = [a + b for a, b in zip(known, numbers, strict=True)]
                    found[name][contact] = max(known[contact], numbers[contact])
        return found


def _count_events(clusters: Sequence[tuple[str, list[float]]]) -> Iterator[Metric]:
    for what in ("events", "bytes"):
        received = _counter(f"audit_webhook_{what}_received_total", ["cluster"])
        went = _counter(f"audit_webhook_{what}_total", ["cluster", "outcome"])
        drained = _counter(f"audit_webhook_{what}_drained_total", ["cluster"])
        for cluster, numbers in clusters:
            received.add_metric([cluster], numbers[_OF_CLUSTER[what, "received"]])
            for outcome in OUTCOMES:
                went.add_metric([cluster, outcome], numbers[_OF_CLUSTER[what, outcome]])
            drained.add_metric([cluster], numbers[_OF_CLUSTER[what, "drained"]])
        yield from (received, went, drained)


def _lag_of(clusters: Sequence[tuple[str, list[float]]]) -> Metric:
    lag = _histogram("audit_webhook_lag_seconds", ["cluster"])
    for cluster, numbers in clusters:
        counts = [numbers[_OF_CLUSTER[key]] for key in _LAG]
        lag.add_metric([cluster], _cumulate(LAG_SECONDS, counts), numbers[_OF_CLUSTER["lag", "sum"]])
    return lag


def _describe_processes(numbers: Sequence[float]) -> Iterator[Metric]:
    refused = _counter("audit_webhook_requests_refused_total", ["reason"])
    for reason in REFUSAL_REASONS:
        refused.add_metric([reason], numbers[_OF_PROCESS["refused", reason]])
    yield refused
    seconds = _histogram("audit_webhook_request_seconds", ["route"])
    for route in ROUTES:
        counts = [numbers[_OF_PROCESS[route, str(index)]] for index in range(len(REQUEST_SECONDS) + 1)]
        seconds.add_metric([route], _cumulate(REQUEST_SECONDS, counts), numbers[_OF_PROCESS[route, "sum"]])
    yield seconds
    for what in ("requests", "bytes"):
        yield _gauge(f"audit_webhook_{what}_in_flight", value=numbers[_OF_PROCESS["in flight", what]])
    starts = _counter("audit_webhook_process_starts_total", [])
    starts.add_metric([], numbers[_OF_PROCESS["process", "starts"]])
    yield starts
    failures = _counter("audit_webhook_background_failures_total", ["task"])
    for task in _TASKS:
        failures.add_metric([task], numbers[_OF_PROCESS["failed", task]])
    yield failures


def _describe_evidence(numbers: Sequence[float]) -> Iterator[Metric]:
    """Describe what every process sees in the same database: the numbers are the largest of all processes."""
    made = _gauge("audit_webhook_last_checkpoint_timestamp_seconds", [])
    if numbers[_OF_PROCESS["checkpoint", "wanted"]]:
        made.add_metric([], numbers[_OF_PROCESS["checkpoint", "made"]])
    yield made
    breaks = _counter("audit_webhook_evidence_breaks_total", ["kind"])
    for kind in _BREAKS:
        breaks.add_metric([kind], numbers[_OF_PROCESS["break", kind]])
    yield breaks
    held_back = _gauge("audit_webhook_retention_held_back", [])
    if numbers[_OF_PROCESS["retention", "wanted"]]:
        held_back.add_metric([], numbers[_OF_PROCESS["retention", "held back"]])
    yield held_back


def _describe_disks(disks: Mapping[str, DiskState]) -> Iterator[Metric]:
    free, size = (_gauge(f"audit_webhook_disk_{what}_bytes", ["disk"]) for what in ("free", "size"))
    for name, disk in disks.items():
        free.add_metric([name], disk.free)
        size.add_metric([name], disk.size)
    yield from (free, size)


def _cumulate(bounds: Sequence[float], counts: Sequence[float]) -> list[tuple[str, float]]:
    names = [*(str(bound) for bound in bounds), "+Inf"]
    return list(zip(names, accumulate(counts), strict=True))


def _counter(name: str, labels: Sequence[str]) -> CounterMetricFamily:
    return CounterMetricFamily(name, MEANINGS[name], labels=labels)


def _gauge(name: str, labels: Sequence[str] | None = None, value: float | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, MEANINGS[name], value=value, labels=labels)


def _histogram(name: str, labels: Sequence[str]) -> HistogramMetricFamily:
    return HistogramMetricFamily(name, MEANINGS[name], labels=labels)
