"""Names actors as people speak of them: ``the scheduler``, ``node node-1``, ``service account shop/deployer``."""

from __future__ import annotations

from typing import Final

from audit_webhook.event import Event
from audit_webhook.humanize.text import Part, visible

_COMPONENTS: Final = {
    "system:apiserver": "the apiserver",
    "system:kube-scheduler": "the scheduler",
    "system:kube-controller-manager": "the controller manager",
    "system:kube-proxy": "kube-proxy",
    "system:anonymous": "an anonymous caller",
    "": "someone without valid credentials",
}
_CONTROLLERS: Final = ("-controller", "-collector", "-publisher", "-cleaner", "-autoscaler", "-binder", "-aggregation")
_PREFIXES: Final = ("generic-", "legacy-")


def actor_parts(event: Event) -> tuple[Part, ...]:
    """Give who acted, and as whom where the user was impersonating another one."""
    who = Part(name_actor(event.user), "actor")
    if not event.impersonated_user:
        return (who,)
    return (who, Part(", acting as "), Part(name_actor(event.impersonated_user), "actor"), Part(","))


def name_actor(user: str) -> str:
    """Give the name by which a user is spoken of."""
    if user in _COMPONENTS:
        return _COMPONENTS[user]
    if user.startswith("system:node:"):
        return f"node {visible(user.removeprefix('system:node:'))}"
    if user.startswith("system:serviceaccount:"):
        return _name_service_account(user)
    return visible(user)


def _name_service_account(user: str) -> str:
    namespace, _, name = user.removeprefix("system:serviceaccount:").partition(":")
    if namespace == "kube-system" and name.endswith(_CONTROLLERS):
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)
        return visible(f"the {name.replace('-', ' ')}")
    return visible(f"service account {namespace}/{name}")
