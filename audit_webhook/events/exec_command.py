"""The command line of an exec into a container, as the request names it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from audit_webhook.events.bodies import value_at
from audit_webhook.events.event import Event
from audit_webhook.events.parameters import MOST_PARAMETERS, read_parameters
from audit_webhook.events.recorded_bodies import bodies_of, values_at

SUBRESOURCES: Final = ("exec",)


def command_lines(event: Event, raw: bytes) -> Iterator[str]:
    """Yield the words of an exec's command with a space between them; nothing for an event of another kind.

    They stand in the query of the URI, one parameter ``command`` a word (k8s.io/api core/v1 PodExecOptions); some
    clouds record them in the body instead.
    """
    if event.resource != "pods" or event.subresource not in SUBRESOURCES:
        return
    words = read_parameters(_query_of(event, raw), MOST_PARAMETERS).get("command")
    if words:
        yield " ".join(words)
    written = [word for word in values_at(bodies_of(raw).request, "command") if isinstance(word, str)]
    if written:
        yield " ".join(written)


def _query_of(event: Event, raw: bytes) -> str:
    """Return the query of the URI: whole, though only its beginning is kept beside the event."""
    uri = value_at(raw, "requestURI") if event.cut else event.request_uri
    return uri.partition("?")[2] if isinstance(uri, str) else ""
