"""Names objects as people speak of them: ``role binding admins in shop``, ``pods in all namespaces``."""

from __future__ import annotations

import re
from typing import Final

from audit_webhook.events.api_resources import BUILT_IN, find, has_namesake, singular_of
from audit_webhook.events.event import Event
from audit_webhook.humanize.text import Part, visible, visible_name

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*")


def _words(kind: str) -> str:
    return " ".join(word if word.isupper() else word.lower() for word in _WORD.findall(kind))


_NOUNS: Final = {resource.plural: _words(resource.kind) for resource in BUILT_IN} | {
    "configmaps": "configmap", "endpoints": "endpoints", "apiservices": "API service", "ipaddresses": "IP address",
}
# The metrics server serves its numbers under the names of the things that it measures.
_METRICS: Final = {"pods": "pod metrics", "nodes": "node metrics"}
_METRICS_GROUP: Final = "metrics.k8s.io"
PROJECTS: Final = "project.openshift.io"
"""The group in which OpenShift serves namespaces as projects."""
_KIND: Final = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")
_AN: Final = re.compile(r"[aeio]|u(?!s|ni|ti)", re.IGNORECASE)


def noun(resource: str, group: str = "", kind: str = "") -> str:
    """Return the word for one object of a resource.

    A resource that is called like one of Kubernetes' is told with its group. Of an unknown one, ``kind`` is what the
    object itself says that it is, where that was recorded.
    """
    if has_namesake(group, resource) and group != _METRICS_GROUP:
        return visible(f"{singular_of(resource)}.{group}", 120)
    if resource in _NOUNS:
        return _NOUNS[resource]
    if group == PROJECTS and resource == "projectrequests":
        return "project"
    return visible(kind.lower() if _KIND.fullmatch(kind) else singular_of(resource), 60)


def noun_of_kind(kind: str) -> str:
    """Give the word for one object of a kind, such as ``replica set``."""
    return visible(_words(kind), 60) or "object"


def nouns(resource: str, group: str = "") -> str:
    """Return the word for several objects of a resource."""
    if has_namesake(group, resource) and group != _METRICS_GROUP:
        return visible(f"{resource}.{group}", 120)
    return _plural(_NOUNS[resource]) if resource in _NOUNS else visible(resource, 60)


def is_namespace(event: Event) -> bool:
    """Return whether a request is about a namespace, or what OpenShift makes of one."""
    if event.api_group == PROJECTS:
        return event.resource in ("projects", "projectrequests")
    return event.resource == "namespaces" and find(event.api_group, event.resource) is not None


def _plural(word: str) -> str:
    if word.endswith("y"):
        return word[:-1] + "ies"
    if word.endswith("endpoints"):
        return word
    return word + ("es" if word.endswith(("s", "x")) else "s")


def article(word: str) -> str:
    """Give the word with its indefinite article."""
    return f"an {word}" if _AN.match(word) else f"a {word}"


def one_object(event: Event) -> tuple[Part, ...]:
    """Give the object of a request, or ``a pod`` when it has no name yet."""
    measured = _METRICS.get(event.resource) if event.api_group == _METRICS_GROUP else None
    word = measured or noun(event.resource, event.api_group, event.object_kind)
    if not event.name:
        return (Part(measured or article(word)), *place(event))
    return (Part(f"{word} "), Part(visible_name(event.name), "object"), *place(event))


def many_objects(event: Event) -> tuple[Part, ...]:
    """Give the objects of a request for several; one that is chosen by its name is named."""
    if event.name:
        return one_object(event)
    measured = _METRICS.get(event.resource) if event.api_group == _METRICS_GROUP else None
    words = measured or nouns(event.resource, event.api_group)
    known = find("" if measured else event.api_group, event.resource)
    if not event.namespace and known and known.is_namespaced:
        return (Part(f"{words} in all namespaces"),)
    return (Part(words), *place(event))


def place(event: Event) -> tuple[Part, ...]:
    """Give the namespace of a request; a namespace is not said to be in itself."""
    if not event.namespace or is_namespace(event):
        return ()
    return (Part(" in "), Part(visible_name(event.namespace), "namespace"))
