"""What a pod may do on its node, read from a pod or from the template of a workload.

The members are those of k8s.io/api core/v1 PodSpec. Every kind of container counts: an init container or an ephemeral
one that is privileged is as privileged as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from audit_webhook.events.event import Event
from audit_webhook.events.identities import is_controller
from audit_webhook.events.recorded_bodies import objects_of, values_at

TEMPLATES: Final = {
    "pods": "spec",
    "podtemplates": "template.spec",
    "deployments": "spec.template.spec",
    "daemonsets": "spec.template.spec",
    "statefulsets": "spec.template.spec",
    "replicasets": "spec.template.spec",
    "replicationcontrollers": "spec.template.spec",
    "jobs": "spec.template.spec",
    "cronjobs": "spec.jobTemplate.spec.template.spec",
}
"""Where each resource holds the specification of its pods."""
SUBRESOURCES: Final = ("", "ephemeralcontainers")
_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")

Spec = dict[str, Any]


def specs_of(event: Event, raw: bytes) -> list[Spec]:
    """Return the pod specifications that a request wrote, in parts where it was a patch."""
    path = TEMPLATES.get(event.resource)
    if path is None or event.subresource not in SUBRESOURCES:
        return []
    found = (value for written in objects_of(event, raw) for value in values_at(written, path))
    return [value for value in found if isinstance(value, dict)]


def is_copy(event: Event, raw: bytes) -> bool:
    """Return whether a controller of Kubernetes made the object from the template of its owner.

    An owner reference alone proves nothing, since whoever creates an object writes it.
    """
    if event.verb != "create" or not is_controller(event.actor) or event.kind != "serviceaccount":
        return False
    return any(
        value is True for written in objects_of(event, raw)
        for value in values_at(written, "metadata.ownerReferences.controller")
    )


def _containers(specs: Iterable[Spec]) -> Iterator[Spec]:
    for spec in specs:
        for name in _CONTAINERS:
            found = spec.get(name)
            yield from (each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def _is_set(member: str) -> Callable[[Sequence[Spec]], Iterable[str]]:
    """Return a function that says whether a member of the specification is true."""
    return lambda specs: _truth(specs, any(spec.get(member) is True for spec in specs))


def _is_set_inside(path: str) -> Callable[[Sequence[Spec]], Iterable[str]]:
    """Return a function that says whether a member of any container, or of the pod, is true."""
    return lambda specs: _truth(
        specs, any(value is True for each in (*specs, *_containers(specs)) for value in values_at(each, path))
    )


def _truth(specs: Sequence[Spec], is_true: bool) -> Iterable[str]:
    return ("true" if is_true else "false",) if specs else ()


def _texts(path: str) -> Callable[[Sequence[Spec]], Iterable[str]]:
    return lambda specs: [value for spec in specs for value in values_at(spec, path) if isinstance(value, str)]


def _of_containers(path: str) -> Callable[[Sequence[Spec]], Iterable[str]]:
    return lambda specs: [
        value for each in _containers(specs) for value in values_at(each, path) if isinstance(value, str)
    ]


def _commands(specs: Sequence[Spec]) -> Iterable[str]:
    for each in _containers(specs):
        words = [word for name in ("command", "args") for word in each.get(name) or () if isinstance(word, str)]
        if words:
            yield " ".join(words)


def _runs_as_root(specs: Sequence[Spec]) -> Iterable[str]:
    """Say whether user 0 is asked for; an image may run as root without asking."""
    found = (value for each in (*specs, *_containers(specs)) for value in values_at(each, "securityContext.runAsUser"))
    return _truth(specs, any(value == 0 and value is not False for value in found))


POD_FACTS: Final[dict[str, Callable[[Sequence[Spec]], Iterable[str]]]] = {
    "pod.privileged": _is_set_inside("securityContext.privileged"),
    "pod.hostnetwork": _is_set("hostNetwork"),
    "pod.hostpid": _is_set("hostPID"),
    "pod.hostipc": _is_set("hostIPC"),
    "pod.hostprocess": _is_set_inside("securityContext.windowsOptions.hostProcess"),
    "pod.hostpath": _texts("volumes.hostPath.path"),
    "pod.image": _of_containers("image"),
    "pod.capability": _of_containers("securityContext.capabilities.add"),
    "pod.serviceaccount": _texts("serviceAccountName"),
    "pod.node": _texts("nodeName"),
    "pod.command": _commands,
    "pod.root": _runs_as_root,
}
"""Each fact by its name in the query language, with the values that it has in some specifications."""
