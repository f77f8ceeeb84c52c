"""Names actors as people speak of them: ``the scheduler``, ``node node-1``, ``service account shop/deployer``."""

from __future__ import annotations

from typing import Final

from audit_webhook.events.event import Event
from audit_webhook.events.identities import CONTROLLERS, NODE, SERVICE_ACCOUNT, is_controller, kind_of_name, proxy_name
from audit_webhook.humanize.text import Part, visible

NOBODY: Final = "an unauthenticated caller"
_COMPONENTS: Final = {
    "system:apiserver": "the apiserver",
    "system:kube-scheduler": "the scheduler",
    "system:kube-controller-manager": "the controller manager",
    "system:cloud-controller-manager": "the cloud controller manager",
    "system:kube-proxy": "kube-proxy",
    "system:anonymous": "an anonymous caller",
    "": "an unknown caller",
}


def actor_parts(event: Event) -> tuple[Part, ...]:
    """Return who acted, through which proxy, and as whom where the actor took on the rights of another user."""
    anonymous = event.code == 401 and not event.actor
    parts = [Part(NOBODY if anonymous else _name_of(event), "actor")]
    if event.proxy:
        parts += [Part(", through "), Part(name_proxy(event.proxy), "actor")]
    if event.borrowed_user:
        parts += [Part(", acting as "), Part(name_actor(event.borrowed_user), "actor")]
    if tool := borrowed_by(event):
        parts.append(Part(f", using {tool}"))
    return (*parts, Part(",")) if len(parts) > 1 else (parts[0],)


def _name_of(event: Event) -> str:
    """Return how the actor is called: a name of the control plane that somebody uses by hand as it is written."""
    if not borrowed_by(event) or event.actor.startswith(NODE):
        return name_actor(event.actor)
    return _as_account(event.actor) if event.actor.startswith(SERVICE_ACCOUNT) else _shown(event.actor)


def borrowed_by(event: Event) -> str:
    """Return the program with which somebody uses the name of a node or a part of the control plane, else nothing."""
    if event.kind != "human" or event.borrowed_user and not event.proxy:
        return ""
    groups = () if event.proxy else event.user_groups
    is_of_cluster = kind_of_name(event.actor, groups) in ("node", "controlplane") or is_controller(event.actor)
    return visible(event.client, 32) if is_of_cluster else ""


def name_actor(user: str) -> str:
    """Give the name by which a user is spoken of."""
    if user in _COMPONENTS:
        return _COMPONENTS[user]
    if user.startswith(NODE) and user != NODE:
        return f"node {_shown(user.removeprefix(NODE))}"
    if is_controller(user):
        return CONTROLLERS[user.rpartition(":")[2]]
    return _as_account(user) if user.startswith(SERVICE_ACCOUNT) else _shown(user)


def name_proxy(user: str) -> str:
    """Return the name by which a proxy that acts for others is spoken of: that of its product, where it is known."""
    return proxy_name(user) or name_actor(user)


def own(event: Event) -> str:
    """Give ``their own`` for people and ``its own`` for programs."""
    return "their own" if event.kind in ("human", "anonymous") else "its own"


def _as_account(user: str) -> str:
    namespace, _, name = user.removeprefix(SERVICE_ACCOUNT).partition(":")
    return f"service account {_shown(f'{namespace}/{name}')}" if namespace and name else _shown(user)


def _shown(user: str) -> str:
    """Give a user's name; one with spaces at its ends or in a row is quoted, or they could not be seen."""
    shown = visible(user)
    return shown if shown == " ".join(shown.split()) else f"“{shown}”"
