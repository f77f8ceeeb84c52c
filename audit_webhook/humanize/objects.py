"""Names objects as people speak of them: ``role binding admins in shop``, ``pods in all namespaces``."""

from __future__ import annotations

import re
from typing import Final

from audit_webhook.api_resources import BUILT_IN, singular_of
from audit_webhook.event import Event
from audit_webhook.humanize.text import Part, visible, visible_name

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*")


def _words(kind: str) -> str:
    return " ".join(word if word.isupper() else word.lower() for word in _WORD.findall(kind))


_NOUNS: Final = {resource.plural: _words(resource.kind) for resource in BUILT_IN} | {
    "configmaps": "configmap", "endpoints": "endpoints", "apiservices": "API service", "ipaddresses": "IP address",
}
_NAMESPACED: Final = frozenset(resource.plural for resource in BUILT_IN if resource.is_namespaced)
# The metrics server serves its numbers under the names of the things that it measures.
_METRICS: Final = {"pods": "pod metrics", "nodes": "node metrics"}
_AN: Final = re.compile(r"[aeio]|u(?!s|ni|ti)", re.IGNORECASE)


def noun(resource: str) -> str:
    """Give the word for one object of a resource."""
    return _NOUNS.get(resource) or visible(singular_of(resource), 60)


def noun_of_kind(kind: str) -> str:
    """Give the word for one object of a kind, such as ``replica set``."""
    return visible(_words(kind), 60) or "object"


def nouns(resource: str) -> str:
    """Give the word for several objects of a resource."""
    return _plural(_NOUNS[resource]) if resource in _NOUNS else visible(resource, 60)


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
    measured = _METRICS.get(event.resource) if event.api_group == "metrics.k8s.io" else None
    word = measured or noun(event.resource)
    if not event.name:
        return (Part(measured or article(word)), *place(event))
    return (Part(f"{word} "), Part(visible_name(event.name), "object"), *place(event))


def many_objects(event: Event) -> tuple[Part, ...]:
    """Give the objects of a request for several; one that is chosen by its name is named."""
    if event.name:
        return one_object(event)
    measured = _METRICS.get(event.resource) if event.api_group == "metrics.k8s.io" else None
    words = measured or nouns(event.resource)
    if not event.namespace and event.resource in _NAMESPACED:
        return (Part(f"{words} in all namespaces"),)
    return (Part(words), *place(event))


def place(event: Event) -> tuple[Part, ...]:
    """Give the namespace of a request; a namespace is not said to be in itself."""
    if not event.namespace or event.resource == "namespaces":
        return ()
    return (Part(" in "), Part(visible_name(event.namespace), "namespace"))
