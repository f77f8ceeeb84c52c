"""The actors of a cluster as their page lists them: people first, then programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from audit_webhook.events.visible_text import shown
from audit_webhook.explore.actors.view import Group, Tally, write_day
from audit_webhook.humanize.actors import name_actor
from audit_webhook.search import feed
from audit_webhook.search.addresses import Actor
from audit_webhook.storage.actor_store import Exploration
from audit_webhook.storage.repository import Repository

MOST_SHOWN: Final = 500
_TITLES: Final = (
    ("human", "People"),
    ("serviceaccount", "Service accounts"),
    ("node", "Nodes"),
    ("controlplane", "Control plane"),
    ("anonymous", "Anonymous"),
)


@dataclass(frozen=True, slots=True)
class ActorsView:
    """Everything that the page of all actors uses."""

    cluster: str
    clusters: tuple[str, ...]
    groups: tuple[Group, ...]


def view_actors(repository: Repository, cluster: str) -> ActorsView:
    """Show who was seen in a cluster; in the first one when none is named."""
    clusters = tuple(feed.clusters(repository))
    cluster = cluster or next(iter(clusters), "")
    actors = Exploration(repository.database, repository.scope).actors(cluster) if cluster else []
    groups = (_group(cluster, title, [each for each in actors if each[1] == kind]) for kind, title in _TITLES)
    return ActorsView(cluster, clusters, tuple(group for group in groups if group.tallies))


def _group(cluster: str, title: str, actors: Iterable[tuple[str, str, int]]) -> Group:
    found = list(actors)
    tallies = tuple(
        Tally(shown(name_actor(user), longest=120), write_day(day), actor=Actor(cluster, user))
        for user, _, day in found[:MOST_SHOWN]
    )
    return Group(title, tallies, "last received", len(found) - len(tallies))
