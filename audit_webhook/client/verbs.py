"""The verbs of ``kubectl audit``, each with its help, its arguments and the function that answers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from audit_webhook.client import actor_verbs, event_verbs, object_verbs, server_verbs
from audit_webhook.client.answers import Answer, Session


class Verb(NamedTuple):
    """A verb: one line of help, its arguments, and what answers; a stream is printed while it is found."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Session], Iterator[Answer]]
    is_stream: bool = False


VERBS: Final[dict[str, Verb]] = {
    "search": Verb("events that match a query, newest first", event_verbs.add_search, event_verbs.search, True),
    "tail": Verb("the newest events, oldest first; -f follows", event_verbs.add_tail, event_verbs.tail, True),
    "who": Verb("who did something to an object: who deleted cm/app-config -n staging", event_verbs.add_who,
                event_verbs.who),
    "history": Verb("an object's changes; --diff shows what changed", object_verbs.add_history, object_verbs.history),
    "blame": Verb("an object's manifest with who set each line", object_verbs.add_object, object_verbs.blame),
    "event": Verb("one event with its facts", event_verbs.add_event, event_verbs.event),
    "around": Verb("what happened around an event", event_verbs.add_around, event_verbs.around),
    "actor": Verb("what is known of a user or program", actor_verbs.add_actor, actor_verbs.actor),
    "can-who": Verb("who used a permission, and what allowed it", actor_verbs.add_can_who, actor_verbs.can_who),
    "permissions": Verb("which bindings were used, and by whom", actor_verbs.add_permissions, actor_verbs.permissions),
    "least-privilege": Verb("the manifests that would allow what an actor did", actor_verbs.add_least_privilege,
                            actor_verbs.least_privilege),
    "clusters": Verb("who is signed in, and which clusters there are", server_verbs.add_nothing, server_verbs.clusters),
    "losses": Verb("what was lost or may have been", server_verbs.add_losses, server_verbs.losses),
    "verify": Verb("how far what is stored is signed", server_verbs.add_nothing, server_verbs.verify),
    "open": Verb("open the page of an event, an object or a query", server_verbs.add_open, server_verbs.open_page),
}
