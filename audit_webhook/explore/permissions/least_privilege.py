"""The least that RBAC must allow for recorded requests to be allowed again: Roles, ClusterRoles and their bindings.

The way is the one that audit2rbac made known: the broadest requests come first, a request that the rules so far allow
adds nothing, and each verb brings along those that clients use with it.

A client may ask for a resource, a group, a verb or a path called ``*``. In a rule that is a wildcard, which would allow
everything: such a request is never written into a rule, see `is_wildcard`.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

API: Final = "rbac.authorization.k8s.io/v1"
# What a client that does the one soon does too; the table is that of audit2rbac's --expand-verbs.
_TOGETHER: Final = {
    "watch": ("get", "list"),
    "list": ("get", "watch"),
    "update": ("get", "patch"),
    "patch": ("get", "update"),
}
# The apiserver does not know the name when it asks whether these are allowed, so a rule with names never fits.
_NAMELESS: Final = frozenset({"create", "deletecollection"})
_ORDER: Final = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
_UNSAFE: Final = re.compile(r"[^a-z0-9.-]+")
_HASHED: Final = re.compile(r"[0-9a-f]{32}\Z")
_SERVICE_ACCOUNT: Final = "system:serviceaccount:"


class Need(NamedTuple):
    """Something that was asked for: a verb on a resource (with its subresource), or on a path outside of resources.

    An empty namespace is the whole cluster, an empty name every object.
    """

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


def is_wildcard(need: Need) -> bool:
    """Whether RBAC would read what was asked for as a pattern (rbac.authorization.k8s.io/v1 PolicyRule)."""
    return any("*" in text for text in (need.verb, need.group, need.resource, need.path))


def write_roles(user: str, needs: Iterable[Need], are_namespaces_apart: bool = False) -> list[dict[str, object]]:
    """Return the manifests that let a user do what was asked for, cluster-wide ones first.

    What RBAC would read as a wildcard is left out. Names are left out where several were asked for. Several namespaces
    become the whole cluster unless kept apart.
    """
    by_place: dict[str, list[Need]] = defaultdict(list)
    written = [need for need in needs if not is_wildcard(need)]
    for need in _least(widen(written, are_namespaces_apart)):
        by_place[need.namespace].append(need)
    return [
        manifest
        for namespace in sorted(by_place)
        for manifest in _role_and_binding(user, namespace, by_place[namespace])
    ]


def widen(needs: Iterable[Need], are_namespaces_apart: bool = False) -> set[Need]:
    """Give the needs without names where there are several, and without namespaces where there are several."""
    known = {need._replace(name="") if _is_nameless(need) else need for need in needs}
    names: dict[Need, set[str]] = defaultdict(set)
    for need in known:
        names[need._replace(name="")].add(need.name)
    named = {key._replace(name=next(iter(found)) if len(found) == 1 else "") for key, found in names.items()}
    if are_namespaces_apart:
        return named
    places: dict[Need, set[str]] = defaultdict(set)
    for need in named:
        places[need._replace(namespace="", name="")].add(need.namespace)
    return {
        need._replace(namespace="", name="") if len(places[need._replace(namespace="", name="")]) > 1 else need
        for need in named
    }


def _is_nameless(need: Need) -> bool:
    return need.verb in _NAMELESS and "/" not in need.resource


def _least(needs: set[Need]) -> list[Need]:
    """Take the needs from the broadest to the narrowest, and only those that are not allowed by then."""
    kept: list[Need] = []
    allowed: set[Need] = set()
    for need in sorted(needs, key=lambda each: (bool(each.namespace), bool(each.name), each)):
        together = () if need.path else _TOGETHER.get(need.verb, ())
        for verb in (need.verb, *together):
            wanted = need._replace(verb=verb)
            broader = (wanted, wanted._replace(name=""), wanted._replace(namespace=""),
                       wanted._replace(name="", namespace=""))
            if not allowed.intersection(broader):
                allowed.add(wanted)
                kept.append(wanted)
    return kept


def _role_and_binding(user: str, namespace: str, needs: list[Need]) -> Iterator[dict[str, object]]:
    scope = "" if namespace else "Cluster"
    name = name_for(user)
    place = {"namespace": namespace} if namespace else {}
    metadata: dict[str, object] = {"name": name, **place}
    yield {"apiVersion": API, "kind": f"{scope}Role", "metadata": metadata, "rules": list(_rules(needs))}
    yield {
        "apiVersion": API,
        "kind": f"{scope}RoleBinding",
        "metadata": dict(metadata),
        "roleRef": {"apiGroup": API.partition("/")[0], "kind": f"{scope}Role", "name": name},
        "subjects": [subject_of(user)],
    }


def _rules(needs: list[Need]) -> Iterator[dict[str, object]]:
    """Give the rules of a role, with what differs only in its verbs, then only in its resources, put together."""
    verbs: dict[Need, set[str]] = defaultdict(set)
    for need in needs:
        verbs[need._replace(verb="", namespace="")].add(need.verb)
    resources: dict[tuple[str, str, tuple[str, ...]], set[str]] = defaultdict(set)
    paths: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for need, found in verbs.items():
        ordered = tuple(sorted(found, key=lambda verb: (_ORDER.index(verb) if verb in _ORDER else len(_ORDER), verb)))
        if need.path:
            paths[ordered].add(need.path)
        else:
            resources[need.group, need.name, ordered].add(need.resource)
    for (group, name, ordered), kinds in sorted(resources.items()):
        names: dict[str, object] = {"resourceNames": [name]} if name else {}
        yield {"apiGroups": [group], "resources": sorted(kinds), **names, "verbs": list(ordered)}
    for ordered, urls in sorted(paths.items()):
        yield {"nonResourceURLs": sorted(urls), "verbs": list(ordered)}


def subject_of(user: str) -> dict[str, object]:
    """Give the subject of a binding that stands for a user name."""
    namespace, _, name = user.removeprefix(_SERVICE_ACCOUNT).partition(":")
    if user.startswith(_SERVICE_ACCOUNT) and namespace and name:
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"kind": "User", "apiGroup": API.partition("/")[0], "name": user}


def name_for(user: str) -> str:
    """Give a name for the roles of a user that Kubernetes takes, whatever the user is called."""
    plain = _UNSAFE.sub("-", user.lower().removeprefix(_SERVICE_ACCOUNT)).strip("-.")
    if plain == user and len(user) <= 48 and "--" not in user and not _HASHED.search(user):
        return f"audit-{user}"
    return f"audit-{plain[:24]}-{hashlib.sha256(user.encode()).hexdigest()[:32]}".replace("--", "-")
