"""Permissions as their pages show them: bindings with who uses them, and the least that an actor needs as YAML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from audit_webhook.events.visible_text import shown
from audit_webhook.explore.permissions.document import start_of
from audit_webhook.explore.permissions.usage import MOST_LEFT_OUT, Use, Used, find_needs, list_bindings
from audit_webhook.humanize.actors import name_actor, name_proxy
from audit_webhook.humanize.moments import Moment, moment_of
from audit_webhook.search import feed
from audit_webhook.search.addresses import Actor
from audit_webhook.search.event_rows import KIND_LABELS, Kind
from audit_webhook.storage.chunks.grant_postings import Binding, gives_everything
from audit_webhook.storage.repository import Repository

LABELS: Final = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "all": "All time"}


@dataclass(frozen=True, slots=True)
class UseView:
    """Somebody who used a binding."""

    actor: Actor
    name: str
    kind: Kind
    note: str
    batches: int
    last: Moment


@dataclass(frozen=True, slots=True)
class BindingView:
    """A binding: what kind and where, the role that it gives, and who used it."""

    name: str
    kind: str
    role: str
    is_grave: bool
    is_open: bool
    uses: tuple[UseView, ...]


@dataclass(frozen=True, slots=True)
class PermissionsView:
    """Everything that the page of all bindings uses."""

    cluster: str
    clusters: tuple[str, ...]
    since: str
    ranges: tuple[tuple[str, str], ...]
    bindings: tuple[BindingView, ...]


@dataclass(frozen=True, slots=True)
class NeedsView:
    """Everything that the page of an actor's needs uses."""

    actor: Actor
    title: str
    since: str
    ranges: tuple[tuple[str, str], ...]
    is_apart: bool
    with_refused: bool
    yaml: str
    kinds: int
    roles: int
    is_whole: bool
    left_out: tuple[str, ...]
    bindings: tuple[BindingView, ...]


def view_permissions(repository: Repository, cluster: str, since: str, now: int) -> PermissionsView:
    """Show which bindings of a cluster were used by whom; of the first cluster when none is named."""
    clusters = tuple(feed.clusters(repository))
    cluster = cluster or next(iter(clusters), "")
    used = list_bindings(repository, cluster, start_of(since, now)) if cluster else []
    return PermissionsView(cluster, clusters, since, tuple(LABELS.items()), tuple(_bindings(used, now)))


def view_needs(
    repository: Repository, actor: Actor, since: str, are_apart: bool, with_refused: bool, now: int
) -> NeedsView:
    """Show the least that an actor needs, and the bindings that were really used."""
    start = start_of(since, now)
    needs = find_needs(repository, actor, start, now, are_apart, with_refused)
    used = list_bindings(repository, actor.cluster, start, actor.name)
    return NeedsView(
        actor, shown(name_actor(actor.name), longest=120), since, tuple(LABELS.items()), are_apart, with_refused,
        needs.yaml, needs.kinds, needs.roles, needs.is_whole,
        tuple(shown(each) for each in needs.left_out[:MOST_LEFT_OUT]), tuple(_bindings(used, now)),
    )


def _bindings(used: list[Used], now: int) -> Iterator[BindingView]:
    for binding, uses in used:
        is_grave = gives_everything(binding)
        where = f" in {binding.namespace}" if binding.namespace else ""
        yield BindingView(
            name=shown(binding.name, longest=200) + ("…" if binding.is_cut else ""),
            kind=f"{binding.kind}{shown(where)}",
            role=shown(_role_of(binding)),
            is_grave=is_grave,
            is_open=is_grave,
            uses=tuple(_use(binding.cluster, use, now) for use in uses),
        )


def _role_of(binding: Binding) -> str:
    """Return the role in words; a group of its own rights and a cloud's policy have none beside them."""
    if not binding.role:
        return "bypasses RBAC"
    return "" if binding.role_kind == binding.kind else f"{binding.role_kind} {binding.role}"


def _use(cluster: str, use: Use, now: int) -> UseView:
    through = f"through {name_proxy(use.proxy)}" if use.proxy else ""
    acting = f"acting as {name_actor(use.impersonated_user)}" if use.impersonated_user else ""
    note = shown(", ".join(filter(None, (through, acting))), longest=160)
    kind = Kind(use.kind, KIND_LABELS.get(use.kind, use.kind))
    name = shown(name_actor(use.user), longest=100)
    return UseView(Actor(cluster, use.user), name, kind, note, use.batches, moment_of(use.last, now))
