"""Each cluster at a glance: whether it still sends, how late, how much, what its policy hides, what to leave out."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from audit_webhook.events.event import SYSTEM_KINDS, Event
from audit_webhook.events.visible_text import shown
from audit_webhook.explore.clusters.path_advice import advise_on_paths
from audit_webhook.explore.clusters.policy_advice import Advice, advise
from audit_webhook.explore.clusters.volume import BY, LEVELS, Amount, Traffic, read_traffic, split, total, write_bytes
from audit_webhook.humanize.moments import SECOND, write_duration
from audit_webhook.humanize.phrases import READS
from audit_webhook.ingest.rejections import Refused, count_refused
from audit_webhook.query.edit import quote
from audit_webhook.search.histogram.dimensions import Dimensions
from audit_webhook.storage.count_store import Batch, Kept
from audit_webhook.storage.rejection_store import Refusal
from audit_webhook.storage.repository import Contact, Repository

RECENT: Final = 100
ROWS: Final = 12
MOST_LISTED: Final = 200
DAYS: Final = (1, 7, 30)
QUIET_AT_LEAST: Final = 60 * SECOND
QUIET_GAPS: Final = 20
State = Literal["sending", "silent", "refused"]
_FIELDS: Final = {"Verb": "verb", "Actor": "user", "Level": "level"}


class Lag(NamedTuple):
    """How long after they happened the newest events of recent batches were received, in words."""

    median: str
    worst: str
    batches: int


class Line(NamedTuple):
    """One value with its events and bytes, and their share of all bytes in percent."""

    label: str
    events: int
    size: str
    percent: float
    query: str | None


class Table(NamedTuple):
    """How much there is by one property; ``left_out`` counts the values that are not listed."""

    label: str
    lines: tuple[Line, ...]
    left_out: int


class Share(NamedTuple):
    """A part of the events in percent, and the query for it."""

    label: str
    percent: float
    events: int
    query: str


@dataclass(frozen=True, slots=True)
class ClusterState:
    """A line of the list of clusters."""

    name: str
    state: State
    contact: Contact | None
    silence: int
    lag: Lag | None
    amount: Amount
    size: str
    shares: tuple[Share, ...]
    refusal: Refusal | None
    refused: Refused | None
    kept: Kept | None
    dropped: int
    """Events that were stored once and have been dropped since, with the partitions of their days."""


@dataclass(frozen=True, slots=True)
class Counsel:
    """Advice with its savings in words."""

    advice: Advice
    events: str
    size: str


@dataclass(frozen=True, slots=True)
class ClusterView:
    """Everything that the page of one cluster uses."""

    state: ClusterState
    days: int
    tables: tuple[Table, ...]
    unseen: tuple[str, ...]
    counsels: tuple[Counsel, ...]


def list_clusters(
    repository: Repository, dimensions: Dimensions, days: int, now: int
) -> tuple[list[ClusterState], int]:
    """Return the states of the clusters that were heard from or refused last, by name, and how many others there are.

    Whoever has a token for every cluster can make up names, and each costs a query of its own here.
    """
    traffic = read_traffic(repository, dimensions, days, now)
    contacts = {contact.cluster: contact for contact in repository.contacts()}
    refusals = {refusal.cluster: refusal for refusal in repository.refusals.last_refusals()}
    kept = repository.tallies.tallied_clusters()
    counted = count_refused(repository, days, now)
    names = contacts.keys() | refusals.keys()
    last = {name: max(contacts[name].received if name in contacts else 0,
                      refusals[name].refused if name in refusals else 0) for name in names}
    listed = sorted(sorted(names, key=lambda name: (name not in contacts, -last[name], name))[:MOST_LISTED])
    return [
        _state(
            repository, name, contacts.get(name), (refusals.get(name), counted.get(name)), traffic.get(name, []),
            kept.get(name), now,
        )
        for name in listed
    ], len(names) - len(listed)


def view_cluster(
    repository: Repository, dimensions: Dimensions, name: str, days: int, now: int
) -> ClusterView | None:
    """Give all about one cluster; None when it was never heard from or refused."""
    contact = next(iter(repository.contacts(name)), None)
    refusal = next(iter(repository.refusals.last_refusals(name)), None)
    if contact is None and refusal is None:
        return None
    traffic = read_traffic(repository, dimensions, days, now).get(name, [])
    everything = total(traffic)
    on_paths = advise_on_paths(repository, name, traffic, days, now)
    return ClusterView(
        state=_state(
            repository, name, contact, (refusal, count_refused(repository, days, now).get(name)), traffic,
            repository.tallies.tallied_clusters().get(name), now,
        ),
        days=days,
        tables=tuple(_table(label, name, traffic, of, everything) for label, of in BY),
        unseen=tuple(name_unseen(traffic)),
        counsels=tuple(_counsel(advice, everything) for advice in advise(traffic, on_paths)),
    )


def _state(
    repository: Repository, name: str, contact: Contact | None, refusals: tuple[Refusal | None, Refused | None],
    traffic: Sequence[Traffic], kept: Kept | None, now: int,
) -> ClusterState:
    refusal, refused = refusals
    recent = repository.tallies.recent_chunks(name, RECENT)
    amount = total(traffic)
    silence = now - contact.received if contact else 0
    state: State = "silent" if contact is None or silence > _quiet_after(recent) else "sending"
    if refusal and (contact is None or refusal.refused > contact.received):
        state = "refused"
    return ClusterState(
        name, state, contact, silence, _lag(recent), amount, write_bytes(amount.raw_bytes),
        tuple(_shares(name, traffic, amount)), refusal, refused, kept, _dropped(repository, contact, kept),
    )


def _dropped(repository: Repository, contact: Contact | None, kept: Kept | None) -> int:
    """Give how many more events were stored than there are."""
    return 0 if contact is None else max(0, contact.events - (kept.events if kept else 0))


def _quiet_after(recent: Sequence[Batch]) -> float:
    """Give the microseconds of silence that are unusual: many times the usual gap between two batches."""
    gaps = [newer.received - older.received for newer, older in zip(recent, recent[1:], strict=False)]
    usual = statistics.median(sorted(abs(gap) for gap in gaps)) if gaps else 0
    return max(QUIET_AT_LEAST, usual * QUIET_GAPS)


def _lag(recent: Sequence[Batch]) -> Lag | None:
    lags = sorted(max(0, batch.received - batch.happened) for batch in recent)
    if not lags:
        return None
    return Lag(write_duration(round(statistics.median(lags))), write_duration(lags[-1]), len(lags))


def _shares(name: str, traffic: Sequence[Traffic], amount: Amount) -> Iterable[Share]:
    tests: list[tuple[str, str, Callable[[Event], bool]]] = [
        *((level, f"level:{level}", lambda event, level=level: event.level == level) for level in LEVELS),
        ("truncated", "truncated:true", lambda event: event.truncated),
    ]
    for label, term, test in tests:
        events = sum(item.amount.events for item in traffic if test(item.event))
        if events:
            yield Share(label, events * 100 / amount.events, events, f"cluster:{quote(name)} {term}")


def _table(
    label: str, cluster: str, traffic: Sequence[Traffic], of: Callable[[Event], str], everything: Amount
) -> Table:
    amounts = split(traffic, of)
    field = _FIELDS.get(label)
    lines = tuple(
        Line(
            shown(value, longest=120) or "none", amount.events, write_bytes(amount.raw_bytes),
            amount.raw_bytes * 100 / max(everything.raw_bytes, 1),
            f"cluster:{quote(cluster)} {field}:{quote(value)}" if field else None,
        )
        for value, amount in list(amounts.items())[:ROWS]
    )
    return Table(label, lines, max(0, len(amounts) - ROWS))


def _counsel(advice: Advice, everything: Amount) -> Counsel:
    def percent(part: int, whole: int) -> str:
        return f"{part * 100 / max(whole, 1):.0f} %"

    events = f"{advice.saved.events:,} ({percent(advice.saved.events, everything.events)})"
    size = f"{write_bytes(advice.saved.raw_bytes)} ({percent(advice.saved.raw_bytes, everything.raw_bytes)})"
    return Counsel(advice, events if advice.saved.events else "none", size)


_UNSEEN: Final[tuple[tuple[str, Callable[[Event], bool]], ...]] = (
    ("What people read: there is no get, list or watch by a person.",
     lambda event: event.verb in READS and event.kind not in SYSTEM_KINDS),
    ("Access to secrets: there is no event about one.", lambda event: event.resource == "secrets"),
    ("Sessions: there is no exec, attach, port-forward or log.",
     lambda event: event.subresource in ("exec", "attach", "portforward", "log")),
    ("Service accounts: none appears, so a stolen token of one leaves no trace.",
     lambda event: event.kind == "serviceaccount"),
    ("Nodes: none appears.", lambda event: event.kind == "node"),
    ("Requests that were denied: there is none.", lambda event: event.code == 403),
    ("Callers without a name (system:anonymous): none appears.", lambda event: event.kind == "anonymous"),
    ("Roles and bindings: nobody is seen to read or change one.",
     lambda event: event.api_group == "rbac.authorization.k8s.io"),
    ("Paths that are no resource, such as discovery: there is none.", lambda event: event.resource == ""),
)


def name_unseen(traffic: Sequence[Traffic]) -> Iterable[str]:
    """Say what no event shows: the policy leaves it out, or nobody did it."""
    if not traffic:
        return
    changes = [item for item in traffic if item.event.verb not in READS and item.event.resource]
    slim = total(item for item in changes if item.event.level == "Metadata")
    if slim.events:
        share = slim.events * 100 / total(changes).events
        yield f"What changes contained: {share:.0f} % of them are recorded without bodies, so there is no diff of them."
    answers = total(item for item in changes if item.event.level == "Request")
    if answers.events:
        yield f"The resulting objects of {answers.events:,} changes: only what was sent is recorded."
    cut = total(item for item in traffic if item.event.truncated)
    if cut.events:
        yield f"Bodies that the kube-apiserver cut off because of their size: those of {cut.events:,} events."
    for sentence, test in _UNSEEN:
        if not any(test(item.event) for item in traffic):
            yield sentence


def last_days(text: str) -> int:
    """Read how many days a page shows; what is none of them is a week."""
    return int(text) if text in map(str, DAYS) else 7
