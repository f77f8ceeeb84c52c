"""Actors as the JSON interface shows them: those of a cluster, and what is known of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from audit_webhook.events.event import Event, rfc3339
from audit_webhook.events.visible_text import shown
from audit_webhook.explore.actors.activity import CREDENTIAL, CREDENTIALS, Portrait
from audit_webhook.explore.actors.view import (
    groups_in, kind_in, newest_day_of, principals_of, proxies_of, roles_of, write_day,
)
from audit_webhook.search.document import document_of
from audit_webhook.storage.actor_store import Exploration
from audit_webhook.storage.chunks.layout import WINDOW
from audit_webhook.storage.repository import Repository

_TRAITS: Final = {
    "credentials": CREDENTIALS, "pods": (f"{CREDENTIAL}pod-name",), "nodes": (f"{CREDENTIAL}node-name",),
}


def document_of_actors(repository: Repository, cluster: str) -> dict[str, object]:
    """Give who was seen in a cluster, and on which day (UTC) an event of theirs was received last."""
    actors = Exploration(repository.database, repository.scope).actors(cluster)
    return {
        "cluster": cluster,
        "actors": [{"name": shown(name), "kind": kind, "last_day": write_day(day)} for name, kind, day in actors],
    }


def document_of_actor(portrait: Portrait) -> dict[str, object]:
    """Give an actor: when, from where, with what, as whom; `deeds` is counted in the newest events, `events_read`."""
    events = [event for event, _ in portrait.sample]
    return {
        "cluster": portrait.actor.cluster,
        "name": shown(portrait.actor.name),
        "kind": kind_in(portrait),
        "groups": [shown(group) for group in groups_in(portrait)],
        "first": rfc3339(portrait.first) if portrait.first is not None else None,
        "last": rfc3339(events[0].time) if events else None,
        "active": [rfc3339(window * WINDOW) for window in sorted(portrait.activity.windows)],
        "addresses": _dated((each.source_ip, each.last_day) for each in portrait.callers),
        "programs": _dated((each.user_agent, each.last_day) for each in portrait.callers),
        "claimed_addresses": _dated((ip, each.last_day) for each in portrait.callers for ip in each.claimed_ips),
        "sessions": _dated((each.session, each.last_day) for each in portrait.callers),
        "through": _dated(proxies_of(portrait)),
        "acted_for": _dated(principals_of(portrait)),
        "acted_as": _dated(roles_of(portrait)),
        "impersonated_by": _dated(portrait.impersonators),
        "events_read": len(events),
        "events_read_are_all": portrait.is_whole,
        "deeds": _deeds(events),
        **{name: _counted(portrait, keys) for name, keys in _TRAITS.items()},
        "denied": [document_of(event, portrait.cards.get(event.id)) for event in portrait.denied],
        "denied_are_all": portrait.is_denied_whole,
    }


def _dated(pairs: Iterable[tuple[str, int]]) -> list[dict[str, object]]:
    return [{"value": shown(text), "last_day": write_day(day)} for text, day in newest_day_of(pairs)]


def _deeds(events: Iterable[Event]) -> list[dict[str, object]]:
    counts = Counter((event.verb, event.api_group, event.resource, event.subresource) for event in events)
    return [
        {
            "verb": shown(verb) or None, "group": shown(group) or None, "resource": shown(resource) or None,
            "subresource": shown(subresource) or None, "events": count,
        }
        for (verb, group, resource, subresource), count in counts.most_common()
    ]


def _counted(portrait: Portrait, keys: Iterable[str]) -> list[dict[str, object]]:
    counts = Counter(text for _, traits in portrait.sample for key in keys for text in traits.extra.get(key, ()))
    return [{"value": shown(text), "events": count} for text, count in counts.most_common()]
