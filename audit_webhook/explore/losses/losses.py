"""What was lost of each cluster or may have been, why, and who sends: put together for the page, JSON and metrics.

Nothing here guesses. A refused request is lost unless a later attempt of its sender was taken; how many events it held
is known only when it was read. A gap says that something was silent, never that it lost anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from audit_webhook.config import Config
from audit_webhook.events.visible_text import shown
from audit_webhook.explore.losses.plot import Plot, plot_losses
from audit_webhook.humanize.moments import write_duration
from audit_webhook.ingest.rejections import WORDS
from audit_webhook.ingest.senders import State, Totals, state_of
from audit_webhook.operate.loss_metrics import LossSamples, SenderSample
from audit_webhook.storage.loss_store import GAPS, GIVEN_UP, PAUSE, RESTART, Loss, LossStore, LossSum
from audit_webhook.storage.scope import Scope
from audit_webhook.storage.sender_store import Sender, SenderStore

DAYS: Final = (1, 7, 30)
DAY: Final = 86_400_000_000
MOST_SHOWN: Final = 200
MOST_CLUSTERS: Final = 100
TRIES: Final = 5
"""How often a kube-apiserver sends a batch in all that is refused (webhook.go of k8s.io/apiserver)."""
FOR_GOOD: Final = frozenset({"token", "forbidden", "cluster", "encoding", "size", "malformed", "framing"})
"""Reasons that do not pass by themselves: what is refused for one of them is refused at each attempt."""
MISSED: Final[frozenset[State]] = frozenset({"silent", "refused"})


@dataclass(frozen=True, slots=True)
class SenderLine:
    """A sender as a page shows it."""

    sender: Sender
    state: State
    address: str
    program: str
    usual_gap: str
    refused_because: str
    is_refused_lately: bool


@dataclass(frozen=True, slots=True)
class ClusterLosses:
    """One cluster: its senders, how many of them are heard and expected (0: not known), and its losses by kind."""

    name: str
    senders: tuple[SenderLine, ...]
    heard: int
    expected: int
    sums: tuple[LossLine, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every sender that is known or expected is heard now."""
        missed = any(line.state in MISSED or line.is_refused_lately for line in self.senders)
        return self.heard > 0 and self.heard >= self.expected and not missed


@dataclass(frozen=True, slots=True)
class LossLine:
    """A loss, or a sum of losses, in words; ``events`` says how many events it holds as far as that is known."""

    kind: str
    title: str
    events: str
    detail: str
    loss: Loss | None = None
    reason: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class LossPage:
    """Everything that the page of losses shows of some days."""

    days: int
    cluster: str
    clusters: tuple[ClusterLosses, ...]
    lines: tuple[LossLine, ...]
    more: int
    is_all: bool
    plots: tuple[Plot, ...]
    more_clusters: int = 0


def _shorten(page: LossPage, most: int) -> LossPage:
    """Return the page with so many clusters at most, those with a sender that is missed before others."""
    kept = sorted(page.clusters, key=lambda each: (each.is_whole, not each.senders))[:most]
    names = {each.name for each in kept}
    return replace(
        page, clusters=tuple(each for each in page.clusters if each.name in names),
        more_clusters=len(page.clusters) - len(kept),
    )


def needs_whole_cluster(scope: Scope) -> bool:
    """Return whether losses must not be shown: nobody knows in which namespaces lost events were."""
    return scope.namespaces is not None


def view_losses(
    losses: LossStore, senders: SenderStore, config: Config, days: int, cluster: str, now: int
) -> LossPage:
    """Return the losses of some days up to now, in microseconds, of one cluster or, without a name, of all."""
    since = now - days * DAY
    found, is_all = losses.list_losses(since, now + DAY)
    wanted = [loss for loss in found if cluster in ("", loss.cluster)]
    clusters = [each for each in view_clusters(losses, senders, config, since, now) if cluster in ("", each.name)]
    page = LossPage(
        days, cluster, tuple(clusters),
        tuple(_line_of(loss) for loss in wanted[:MOST_SHOWN]), max(0, len(wanted) - MOST_SHOWN), is_all,
        plot_losses([each for each in losses.plot_losses(since, _step(days)) if cluster in ("", each.cluster)],
                    since, now, _step(days)),
    )
    return _shorten(page, MOST_CLUSTERS)


def _step(days: int) -> int:
    return {1: DAY // 24, 7: DAY // 4}.get(days, DAY)


def view_clusters(
    losses: LossStore, senders: SenderStore, config: Config, since: int, now: int
) -> list[ClusterLosses]:
    """Return every cluster that sends, is expected to, or lost something, by name; the nameless one last."""
    lines = view_senders(senders, now)
    sums: defaultdict[str, list[LossSum]] = defaultdict(list)
    for each in losses.sum_losses(since):
        sums[each.cluster].append(each)
    expected = {name: count for name, count in config.senders_of_clusters.items() if losses.may_see(name)}
    names = sorted(lines.keys() | sums.keys() | expected.keys(), key=lambda name: (not name, name))
    return [
        ClusterLosses(
            name, tuple(lines.get(name, ())), count_heard(lines.get(name, ())), expected.get(name, 0),
            tuple(_line_of_sum(each) for each in sums.get(name, ())),
        )
        for name in names
    ]


def view_cluster(losses: LossStore, senders: SenderStore, config: Config, name: str, now: int) -> ClusterLosses:
    """Return one cluster with the losses of a week."""
    found = {each.name: each for each in view_clusters(losses, senders, config, now - 7 * DAY, now)}
    return found.get(name) or ClusterLosses(name, (), 0, config.senders_of_clusters.get(name, 0), ())


def view_senders(senders: SenderStore, now: int) -> dict[str, list[SenderLine]]:
    """Return the senders by cluster; those that are missed come first."""
    found: defaultdict[str, list[SenderLine]] = defaultdict(list)
    for sender in senders.read_senders():
        found[sender.cluster].append(_line_of_sender(sender, now))
    for lines in found.values():
        lines.sort(key=lambda line: (line.state == "heard", line.address))
    return found


def count_heard(lines: Iterable[SenderLine]) -> int:
    """Return how many senders are heard now."""
    return sum(line.state == "heard" for line in lines)


def sample_losses(totals: Totals, config: Config) -> LossSamples:
    """Return the values of the metrics."""
    heard: defaultdict[str, int] = defaultdict(int)
    for sender, state in totals.senders:
        heard[sender.cluster] += state == "heard"
    return LossSamples(
        [SenderSample(sender.cluster, sender.address, sender.last_heard / 1e6, state in MISSED)
         for sender, state in totals.senders if sender.batches or state == "never"],
        {name: max(0, count - heard[name]) for name, count in config.senders_of_clusters.items()},
        totals.refused, totals.given_up, totals.gaps,
    )


def _line_of_sender(sender: Sender, now: int) -> SenderLine:
    return SenderLine(
        sender, state_of(sender, now), shown(sender.address) or "further addresses",
        shown(sender.user_agent, longest=100), write_duration(sender.usual_gap) if sender.usual_gap else "",
        WORDS.get(sender.refused_kind, WORDS["other"]) if sender.refused else "",
        state_of(sender, now) == "never" and now - sender.last_refused < DAY // 24,
    )


def title_of(kind: str) -> str:
    """Return what a kind of loss is called."""
    named = {GIVEN_UP: "Given up by a kube-apiserver", PAUSE: "Sender was silent", RESTART: "Version changed"}
    verb = "Refused" if kind in FOR_GOOD else "Not taken"
    return named.get(kind) or f"{verb}: {WORDS.get(kind, WORDS['other'])}"


def write_events(kind: str, unread: int, events: int) -> str:
    """Return how many events are concerned, as far as it is known."""
    if kind in GAPS:
        return "not known"
    if unread:
        return f"at least {events:,}" if events else "not known"
    return f"{events:,}"


def batches_at_least(requests: int) -> int:
    """Return how many batches some refused requests were at least: each is sent up to five times."""
    return -(-requests // TRIES)


def _detail(kind: str, requests: int, named: int) -> str:
    if kind == PAUSE:
        return "Nothing shows whether events were lost."
    if kind == RESTART:
        return "It was started anew: the ends of watches that were open, and what waited in its memory, may be missing."
    if kind == GIVEN_UP:
        return f"{named:,} named" if named else "none named"
    fate = "Lost unless a later attempt was taken." if kind in FOR_GOOD else "Its sender tries again for some minutes."
    batches = batches_at_least(requests)
    return f"{requests:,} {_plural('request', requests)}, at least {batches:,} {_plural('batch', batches)}. {fate}"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}{'es' if word.endswith('ch') else 's'}"


def _line_of(loss: Loss) -> LossLine:
    return LossLine(
        loss.kind, title_of(loss.kind), write_events(loss.kind, loss.unread, loss.events),
        _detail(loss.kind, loss.requests, loss.named), loss, shown(loss.reason, longest=300), shown(loss.address),
    )


def _line_of_sum(each: LossSum) -> LossLine:
    detail = f"{each.rows:,} times" if each.kind in GAPS else _detail(each.kind, each.requests, each.named)
    return LossLine(each.kind, title_of(each.kind), write_events(each.kind, each.unread, each.events), detail)


def document_of_clusters(clusters: Sequence[ClusterLosses]) -> list[dict[str, object]]:
    """Return the clusters as JSON shows them."""
    return [
        {
            "cluster": each.name, "senders_heard": each.heard, "senders_expected": each.expected or None,
            "senders": [_document_of_sender(line) for line in each.senders],
        }
        for each in clusters
    ]


def _document_of_sender(line: SenderLine) -> Mapping[str, object]:
    sender = line.sender
    return {
        "address": sender.address or None, "user_agent": sender.user_agent or None, "state": line.state,
        "first_heard": sender.first_heard, "last_heard": sender.last_heard, "batches": sender.batches,
        "events": sender.events, "usual_gap_seconds": sender.usual_gap / 1e6 or None, "refused": sender.refused,
        "last_refused": sender.last_refused, "refused_reason": sender.refused_kind or None,
    }
