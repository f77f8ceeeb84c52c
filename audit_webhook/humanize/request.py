"""What the request's URI adds to an event: its path and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qs, unquote

from audit_webhook.events.event import Event

MOST_PARAMETERS: Final = 400
LONGEST_REMEMBERED: Final = 2048


def path_of(event: Event) -> str:
    """Give the path of the request's URI."""
    return event.request_uri.partition("?")[0]


def parameters_of(event: Event) -> Mapping[str, list[str]]:
    """Give the parameters of the request's URI; none when they cannot be read."""
    query = event.request_uri.partition("?")[2]
    return (_known_parameters if len(query) <= LONGEST_REMEMBERED else _parse)(query)


def _parse(query: str) -> Mapping[str, list[str]]:
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="replace")
    except ValueError:
        return {}


_known_parameters: Final = lru_cache(maxsize=1024)(_parse)


def parameter(event: Event, name: str) -> str:
    """Give the first value of a parameter; empty when the request has none."""
    return parameters_of(event).get(name, [""])[0]


def is_set(event: Event, name: str) -> bool:
    """Whether a parameter is true as Kubernetes reads it: anything but ``false`` and ``0`` (runtime/conversion.go)."""
    return parameters_of(event).get(name, ["0"])[0].lower() not in ("false", "0")


def proxied_path(event: Event) -> str:
    """Give the path that a request for a subresource ``proxy`` asked for behind the apiserver.

    It is counted off: a namespace, a node or a pod may be called ``proxy`` as well.
    """
    parts = path_of(event).lstrip("/").split("/")
    first = 2 if parts[0] == "api" else 3
    if parts[first : first + 1] == ["namespaces"]:
        first += 2
    return "/" + unquote("/".join(parts[first + 3 :]), errors="replace").lstrip("/")


def selectors(event: Event) -> list[str]:
    """Give what was asked to be selected; a field selector for the name is left out: the name says it already."""
    chosen = (parameter(event, "labelSelector"), parameter(event, "fieldSelector"))
    return [text for text in chosen if text and text != f"metadata.name={event.name}"]
