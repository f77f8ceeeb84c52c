"""Names types and objects as kubectl takes them on its command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from audit_webhook.events.api_resources import BUILT_IN, singular_of
from audit_webhook.events.event import Event
from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.words import Unsayable

_GROUPS: Final = {(resource.plural, resource.group): resource for resource in BUILT_IN}
_METRICS: Final = {("nodes", "metrics.k8s.io"): False, ("pods", "metrics.k8s.io"): True}
_OF_KIND: Final = {resource.kind: resource for resource in BUILT_IN}


def is_built_in(event: Event) -> bool:
    """Whether Kubernetes itself brings the type along."""
    return (event.resource, event.api_group) in _GROUPS


def is_namespaced(event: Event) -> bool | None:
    """Whether objects of the type live in namespaces; None when only the cluster knows."""
    known = _GROUPS.get((event.resource, event.api_group))
    return known.is_namespaced if known else _METRICS.get((event.resource, event.api_group))


def kind_of_type(kind: str) -> str:
    """Give the word for a kind as an argument, such as ``deployment``."""
    return _OF_KIND[kind].singular if kind in _OF_KIND else kind.lower()


def type_of(event: Event, is_one: bool) -> str:
    """Give the type as an argument: ``pod``, ``pods`` or ``backups.stable.example.com``."""
    if is_built_in(event):
        return singular_of(event.resource) if is_one else event.resource
    return f"{event.resource}.{event.api_group}" if event.api_group else event.resource


def slashed(event: Event) -> str:
    """Give an object as one word, ``deployment/web``; raises Unsayable for a name that kubectl cannot take."""
    return f"{type_of(event, is_one=True)}/{checked(event.name)}"


def checked(name: str) -> str:
    """Give a name that may stand on a command line; raises Unsayable."""
    if not name or "/" in name or name in (".", "..") or "%" in name:
        raise Unsayable(name)
    return name


def add_objects(line: Line, requests: Sequence[Request]) -> Line:
    """Add the objects that requests are about, each once: ``pods a b`` or ``pod/a service/b``."""
    events = list({request.thing: request.event for request in requests}.values())
    types = {(event.resource, event.api_group) for event in events}
    names = [checked(event.name) for event in events]
    if len(types) > 1 or any(name.startswith("-") or "," in name for name in names):
        return line.add(*map(slashed, events))
    return line.add(type_of(events[0], is_one=len(events) == 1), *names)


def add_types(line: Line, requests: Iterable[Request]) -> Line:
    """Add the types that lists are about: ``pods,services``."""
    return line.add(",".join(dict.fromkeys(type_of(request.event, is_one=False) for request in requests)))


def add_chosen(line: Line, listing: Request) -> Line:
    """Add how a list was narrowed down: by labels, by fields, or not at all in all namespaces."""
    if selector := listing.parameter("labelSelector"):
        line.flag("selector", selector) if selector.startswith("-") else line.short("-l", selector)
    if selector := listing.parameter("fieldSelector"):
        line.flag("field-selector", selector)
    return add_everywhere(line, [listing])


def add_everywhere(line: Line, lists: Sequence[Request]) -> Line:
    """Add ``-A`` when a list of namespaced things named no namespace."""
    if any(is_everywhere(listing) for listing in lists):
        line.short("-A")
        if any(is_namespaced(each.event) is None and not isinstance(each.response, dict) for each in lists):
            line.guess("whether -A was typed, or the type has no namespaces: the answer was not recorded")
    return line


def is_everywhere(listing: Request) -> bool:
    """Whether a list asked for all namespaces: of an unknown type, what was answered tells."""
    event = listing.event
    if event.namespace or event.verb not in ("list", "watch", "deletecollection") or event.name:
        return False
    namespaced = is_namespaced(event)
    if namespaced is not None:
        return namespaced
    return _answers_with_namespaces(listing.response)


def _answers_with_namespaces(answer: object) -> bool:
    rows = (answer.get("rows") or answer.get("items")) if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        return not isinstance(answer, dict)
    for row in rows[:1]:
        item = row.get("object", row) if isinstance(row, dict) else {}
        metadata = item.get("metadata") if isinstance(item, dict) else None
        return isinstance(metadata, dict) and bool(metadata.get("namespace"))
    return False
