"""Permissions as the JSON interface shows them: bindings with who used them, and the least that an actor needs."""

from __future__ import annotations

from audit_webhook.errors import InvalidParameter
from audit_webhook.events.event import rfc3339
from audit_webhook.events.visible_text import shown
from audit_webhook.explore.permissions.usage import RANGES, Use, Used, find_needs, list_bindings
from audit_webhook.humanize.moments import SECOND
from audit_webhook.search.addresses import Actor
from audit_webhook.storage.chunks.grant_postings import gives_everything
from audit_webhook.storage.repository import Repository


def document_of_bindings(repository: Repository, cluster: str, since: str, now: int) -> dict[str, object]:
    """Return the bindings of a cluster that were used within a range, each with who used it, the newest use first.

    Raises InvalidParameter for a range that is none of `RANGES`.
    """
    used = list_bindings(repository, cluster, start_of(since, now)) if cluster else []
    return {"cluster": cluster, "since": since, "bindings": [_binding(each) for each in used]}


def document_of_needs(
    repository: Repository, actor: Actor, since: str, are_namespaces_apart: bool, now: int
) -> dict[str, object]:
    """Return the manifests that would allow what an actor did; ``is_whole`` is false when time ran out."""
    needs = find_needs(repository, actor, start_of(since, now), now, are_namespaces_apart, with_refused=False)
    return {
        "cluster": actor.cluster, "user": actor.name, "since": since, "yaml": needs.yaml, "requests": needs.kinds,
        "roles": needs.roles, "is_whole": needs.is_whole, "left_out": [shown(each) for each in needs.left_out],
    }


def start_of(since: str, now: int) -> int | None:
    """Return when a range begins in microseconds, None for all time; raises InvalidParameter."""
    if since not in RANGES:
        raise InvalidParameter(f"since is one of {', '.join(RANGES)}")
    return now - RANGES[since] * SECOND if RANGES[since] else None


def _binding(used: Used) -> dict[str, object]:
    binding = used.binding
    return {
        "kind": binding.kind, "name": shown(binding.name), "is_name_cut": binding.is_cut,
        "namespace": shown(binding.namespace) or None, "role_kind": binding.role_kind or None,
        "role": shown(binding.role) or None, "gives_everything": gives_everything(binding),
        "uses": [_use(each) for each in used.uses],
    }


def _use(use: Use) -> dict[str, object]:
    return {
        "user": shown(use.user), "as": shown(use.impersonated_user) or None, "through": shown(use.proxy) or None,
        "kind": use.kind, "batches": use.batches, "last": rfc3339(use.last),
    }
