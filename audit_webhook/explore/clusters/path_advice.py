"""Advises on requests for paths that are no resource: health checks, discovery, metrics.

Counts that come with chunks do not hold paths, so the newest such requests are looked at, and what a caller sent in all
is divided as they are; the advice then says that it is an estimate.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from audit_webhook.events.event import SYSTEM_KINDS, Event, rfc3339
from audit_webhook.explore.clusters.policy_advice import (
    Advice, count_denied, group_caller, is_of_nodes, is_worth_a_rule, name_caller, select_caller,
)
from audit_webhook.explore.clusters.volume import Amount, Traffic, total
from audit_webhook.explore.setup.policy import DISCOVERY_PATHS, HEALTH_PATHS, METRICS_PATHS, Rule, write_rule
from audit_webhook.query.edit import quote
from audit_webhook.search.compile_query import compile_query
from audit_webhook.search.search import event_of, locate
from audit_webhook.storage.chunks.counts import DAY
from audit_webhook.storage.repository import Repository

SAMPLE: Final = 400
FIND_SECONDS: Final = 0.15
READ_SECONDS: Final = 0.1
READ_AT_ONCE: Final = 50
_MICROSECONDS: Final = 1000


class Family(NamedTuple):
    """Paths that are asked for with one purpose: as a policy names them, as a query finds them, what a rule hides.

    Health checks come from machines, people and nameless callers alike: one rule leaves all of them out.
    """

    name: str
    paths: tuple[str, ...]
    words: str
    hides: str
    is_anybody_s: bool = False


FAMILIES: Final = (
    Family(
        "health checks", tuple(HEALTH_PATHS), "(/healthz or /livez or /readyz)",
        "Hides who asked whether the apiserver is well, whoever it was; no answer to that says anything about anybody.",
        is_anybody_s=True,
    ),
    Family(
        "discovery", tuple(DISCOVERY_PATHS), "(/api or /openapi or /version)",
        "Hides that this identity asked what the API offers: who looks around with its stolen token is not seen yet.",
    ),
    Family(
        "metrics", tuple(METRICS_PATHS), "/metrics -/api",
        "Hides that this identity read the apiserver's metrics.",
    ),
)


class _Request(NamedTuple):
    """A request for a path, its size in bytes, and for how many it stands."""

    event: Event
    size: int
    weight: float


class PathSample(NamedTuple):
    """The newest requests for paths with their sizes in bytes, and whether these are all of the time."""

    requests: list[tuple[Event, int]]
    is_whole: bool


def advise_on_paths(
    repository: Repository, cluster: str, traffic: Sequence[Traffic], days: int, now: int
) -> list[Advice]:
    """Give advice on a cluster's requests for paths; where they are few, none of them is read."""
    for_paths = [item for item in traffic if _is_for_path(item.event)]
    if not is_worth_a_rule(total(for_paths), total(traffic)):
        return []
    return list(_advise_on(read_paths(repository, cluster, days, now), for_paths))


def read_paths(repository: Repository, cluster: str, days: int, now: int) -> PathSample:
    """Read the newest requests of a cluster for paths, of so many days, as many as there is time for."""
    first_day = (now // _MICROSECONDS // DAY - days + 1) * DAY * _MICROSECONDS
    text = f'cluster:{quote(cluster)} resource:"" verb:get -stage:RequestReceived since:{rfc3339(first_day)}'
    search = compile_query(text, now, repository.database.dialect)
    places = locate(repository, search, limit=SAMPLE, seconds=FIND_SECONDS)
    deadline = time.monotonic() + READ_SECONDS
    requests: list[tuple[Event, int]] = []
    for start in range(0, len(places.located), READ_AT_ONCE):
        raws = repository.read_chunks(places.located[start:start + READ_AT_ONCE])
        requests += [(event_of(raw), len(raw.raw)) for raw in raws]
        if time.monotonic() > deadline:
            break
    return PathSample(requests, places.unread is None and len(requests) == len(places.located))


def _advise_on(sample: PathSample, for_paths: Iterable[Traffic]) -> Iterator[Advice]:
    """Give advice on each family of paths and each caller of it that a rule may leave out."""
    weights = {} if sample.is_whole else _weigh(sample, for_paths)
    groups: dict[tuple[Family, str], list[_Request]] = defaultdict(list)
    for event, size in sample.requests:
        family = family_of(event.request_uri)
        if family and _may_be_dropped(event, family):
            caller = group_caller(event)
            request = _Request(event, size, weights.get(caller, 1.0))
            groups[family, "" if family.is_anybody_s else caller].append(request)
    estimate = "" if sample.is_whole else f"Estimated from the newest {len(sample.requests):,} requests for paths."
    for (family, _), requests in groups.items():
        yield _advise(family, requests, estimate)


def _weigh(sample: PathSample, for_paths: Iterable[Traffic]) -> dict[str, float]:
    """Give for how many of a caller's requests each of those in the sample stands."""
    seen = Counter(group_caller(event) for event, _ in sample.requests)
    every: Counter[str] = Counter()
    for item in for_paths:
        every[group_caller(item.event)] += item.amount.events
    return {caller: max(1.0, every[caller] / count) for caller, count in seen.items()}


def family_of(uri: str) -> Family | None:
    """Find the family of a path as the kube-apiserver matches them: an asterisk stands for any end."""
    path = uri.partition("?")[0]
    return next((family for family in FAMILIES if any(_covers(each, path) for each in family.paths)), None)


def _covers(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


def _is_for_path(event: Event) -> bool:
    return event.resource == "" and event.verb == "get" and event.stage != "RequestReceived"


def _may_be_dropped(event: Event, family: Family) -> bool:
    return family.is_anybody_s or (event.kind in SYSTEM_KINDS and not event.impersonated_user)


def _advise(family: Family, requests: Sequence[_Request], estimate: str) -> Advice:
    event = requests[0].event
    size = sum(each.size * each.weight for each in requests)
    saved = Amount(round(sum(each.weight for each in requests)), round(size))
    who = {} if family.is_anybody_s else select_caller(event)
    hides = f"{family.hides} {_nameless(requests) if family.is_anybody_s else ''}".strip()
    hides = count_denied(hides, round(sum(each.weight for each in requests if each.event.code == 403)))
    title = family.name.capitalize() if family.is_anybody_s else f"{name_caller(event)}: {family.name}"
    rule = Rule(f"{title}. {hides}", "None", {**who, "verbs": ["get"], "nonResourceURLs": list(family.paths)})
    term = "" if family.is_anybody_s else "kind:node " if is_of_nodes(event) else f"by:{quote(event.user)} "
    return Advice(write_rule(rule), saved, hides, f'{term}verb:get resource:"" {family.words}', estimate)


def _nameless(requests: Iterable[_Request]) -> str:
    """Say how many of those seen no machine sent."""
    others = sum(each.event.kind not in SYSTEM_KINDS for each in requests)
    return f"People and callers without a name sent {others:,} of those looked at." if others else ""
