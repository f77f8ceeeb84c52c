"""Types and names as kubectl takes them: ``deploy/web``, ``deployments.apps web``, ``cm app-config``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from audit_webhook.client.connection import Source
from audit_webhook.client.errors import ClientError, NotFound
from audit_webhook.events.api_resources import plural_of

_PLAIN_ENDS: Final = frozenset(" ()\"*\\\t\n")
_KEYWORDS: Final = frozenset({"and", "or", "not"})
VERBS: Final = {
    "created": "(verb:create)", "create": "(verb:create)",
    "deleted": "(verb:delete or verb:deletecollection)", "delete": "(verb:delete or verb:deletecollection)",
    "changed": "(verb:update or verb:patch)", "change": "(verb:update or verb:patch)",
    "updated": "(verb:update or verb:patch)", "edited": "(verb:update or verb:patch)",
    "patched": "(verb:patch)", "read": "(verb:get or verb:list or verb:watch)", "listed": "(verb:list)",
    "watched": "(verb:watch)", "got": "(verb:get)", "scaled": "(sub:scale (verb:update or verb:patch))",
    "execed": "(sub:exec)", "exec": "(sub:exec)", "attached": "(sub:attach)", "forwarded": "(sub:portforward)",
    "evicted": "(sub:eviction)", "wrote": "(verb:create or verb:update or verb:patch or verb:delete)",
    "touched": "",
}
"""What people say was done, as a query."""
SUBRESOURCES: Final = {
    "pods": ("attach", "ephemeralcontainers", "eviction", "exec", "log", "portforward"), "nodes": ("proxy",),
    "serviceaccounts": ("token",), "deployments": ("scale",), "statefulsets": ("scale",), "replicasets": ("scale",),
}
"""What behind the slash of a type is understood as its subresource: nobody calls an object so."""


class Target(NamedTuple):
    """A type by its plural, with its API group where it was named, and an object's name; each may be empty."""

    resource: str
    group: str
    name: str


class Found(NamedTuple):
    """An object that events name: where it lies, by the parts of its address."""

    cluster: str
    group: str
    resource: str
    namespace: str
    name: str


class SeveralFound(ClientError):
    """Several objects have the name that was given; ``places`` says where they lie."""

    def __init__(self, places: Sequence[Found]) -> None:
        """Name them in the message."""
        self.places: Final = places
        named = ", ".join(f"{each.cluster}:{each.namespace}" for each in places)
        super().__init__(f"several objects have this name ({named}): add -n NAMESPACE or --cluster NAME")


def quote(value: str) -> str:
    """Return a value so that the query language takes it literally."""
    if value and not _PLAIN_ENDS & set(value) and value.lower() not in _KEYWORDS:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def read_target(words: Sequence[str]) -> Target:
    """Read ``TYPE/NAME``, ``TYPE NAME`` or ``TYPE``; raises ClientError."""
    given = [part for word in words for part in word.split("/", 1)]
    if not 1 <= len(given) <= 2 or not all(given):
        raise ClientError("name one object as TYPE/NAME, such as deployment/web")
    kind, _, group = given[0].partition(".")
    return Target(plural_of(kind) or kind.lower(), group, given[1] if len(given) > 1 else "")


def is_subresource(target: Target) -> bool:
    """Return whether what was named is a part of a type's interface, as in ``pods/exec``, rather than an object."""
    return target.name in SUBRESOURCES.get(target.resource, ())


def query_of(target: Target, namespace: str | None, cluster: str, since: str = "") -> str:
    """Return the query for a target; a namespace of None stands for all of them."""
    terms = [f"cluster:{quote(cluster)}"] if cluster else []
    if is_subresource(target):
        target = Target(f"{target.resource}/{target.name}", target.group, "")
    terms += [f"resource:{quote(target.resource)}"]
    terms += [f"group:{quote(target.group)}"] if target.group else []
    terms += [f"name:{quote(target.name)}"] if target.name else []
    terms += [f"ns:{quote(namespace)}"] if namespace else []
    terms += [f"since:{quote(since)}"] if since else []
    return " ".join(terms)


def find_object(source: Source, target: Target, namespace: str | None, cluster: str) -> Found:
    """Return where an object lies by its newest event; raises NotFound, and ClientError when several are meant."""
    if not target.name:
        raise ClientError("name one object as TYPE/NAME, such as deployment/web")
    events = source.get("events", q=query_of(target, namespace, cluster), limit=200)["events"]
    places = {
        Found(each["cluster"], each["group"] or "core", each["resource"], each["namespace"] or "-", each["name"])
        for each in events if each["name"] == target.name
    }
    if not places:
        where = f" in namespace {namespace}" if namespace else ""
        raise NotFound(f"no event about {target.resource}/{target.name}{where}" + (f" of {cluster}" if cluster else ""))
    if len(places) > 1:
        raise SeveralFound(tuple(sorted(places)))
    return places.pop()
