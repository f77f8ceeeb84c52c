"""Names objects as people speak of them: ``role binding admins in shop``, ``pods in all namespaces``."""

from __future__ import annotations

import re
from typing import Final

from audit_webhook.api_resources import BUILT_IN, singular_of
from audit_webhook.event import Event
from audit_webhook.humanize.text import Part, visible

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*")
_ONE_WORD: Final = {"configmaps": "configmap"}
_NOUNS: Final = {
    resource.plural: " ".join(word if word.isupper() else word.lower() for word in _WORD.findall(resource.kind))
    for resource in BUILT_IN
} | _ONE_WORD | {"endpoints": "endpoints", "apiservices": "API service", "ipaddresses": "IP address"}
_NAMESPACED: Final = frozenset(resource.plural for resource in BUILT_IN if resource.is_namespaced)
_GRAMMAR: Final = (("ss", "sses"), ("y", "ies"), ("x", "xes"), ("endpoints", "endpoints"))


def noun(resource: str) -> str:
    """Give the word for one object of a resource."""
    return _NOUNS.get(resource) or visible(singular_of(resource))


def nouns(resource: str) -> str:
    """Give the word for several objects of a resource."""
    if resource not in _NOUNS:
        return visible(resource)
    word = _NOUNS[resource]
    for singular, plural in reversed(_GRAMMAR):
        if word.endswith(singular) and not word.endswith("ay"):
            return word.removesuffix(singular) + plural
    return word + "s"


def article(word: str) -> str:
    """Give the word with its indefinite article."""
    return f"an {word}" if word[:1].lower() in "aeiou" else f"a {word}"


def one_object(event: Event) -> tuple[Part, ...]:
    """Give the object of a request, or ``a pod`` when it has no name yet."""
    if not event.name:
        return (Part(article(noun(event.resource))), *place(event))
    return (Part(f"{noun(event.resource)} "), Part(visible(event.name), "object"), *place(event))


def many_objects(event: Event) -> tuple[Part, ...]:
    """Give the objects of a request for several; one that is chosen by its name is named."""
    if event.name:
        return one_object(event)
    if not event.namespace and event.resource in _NAMESPACED:
        return (Part(f"{nouns(event.resource)} in all namespaces"),)
    return (Part(nouns(event.resource)), *place(event))


def place(event: Event) -> tuple[Part, ...]:
    """Give the namespace of a request; a namespace is not said to be in itself."""
    if not event.namespace or event.resource == "namespaces":
        return ()
    return (Part(" in "), Part(visible(event.namespace), "namespace"))
