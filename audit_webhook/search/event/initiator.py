"""Who is behind what a controller made: follows owner references to the write that somebody made shortly before.

A controller writes in its own name. The object that it makes names its owner, and the owner's last write before that
is either somebody's or another controller's, whose object names its owner in turn.
"""

from __future__ import annotations

from typing import Any, Final

from audit_webhook.events import lenient_json as tolerant
from audit_webhook.events.api_resources import BUILT_IN
from audit_webhook.events.event import Event
from audit_webhook.events.identities import is_controller
from audit_webhook.events.ids import time_bound
from audit_webhook.query.edit import quote
from audit_webhook.search.compile_query import compile_query
from audit_webhook.search.search import event_of, locate
from audit_webhook.storage.repository import Raw, Repository
from audit_webhook.storage.search_sql import LAST

MOST_STEPS: Final = 3
WITHIN: Final = 60_000_000
"""How long before it, in microseconds, what a controller answers to may have happened."""
SECONDS: Final = 0.2
MOST_WRITES: Final = 4
_RESOURCES: Final = {resource.kind: resource.plural for resource in BUILT_IN}


def find_initiator(repository: Repository, event: Event, raw: bytes, now: int) -> Event | None:
    """Give the write that a controller's write answers to, as far as bodies and time tell; None when they do not."""
    for _ in range(MOST_STEPS):
        if not _is_loop(event) or event.verb not in ("create", "update", "patch"):
            return None
        found = _last_write(repository, event, _owner(raw), now)
        if found is None:
            return None
        event, raw = event_of(found), found.raw
        if not _is_loop(event):
            return event
    return None


def _is_loop(event: Event) -> bool:
    """Return whether a controller sent a request by itself: nobody uses its name by hand."""
    return is_controller(event.actor) and event.kind == "serviceaccount"


def _owner(raw: bytes) -> tuple[str, str]:
    """Give resource and name of the owner that controls the written object; empty when it is not recorded."""
    values = tolerant.shallow(raw, skip=frozenset()).values
    for body in (values.get("requestObject"), values.get("responseObject")):
        metadata: Any = body.get("metadata") if isinstance(body, dict) else None
        owners = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
        for each in owners if isinstance(owners, list) else ():
            if isinstance(each, dict) and each.get("controller") is True and isinstance(each.get("name"), str):
                return _RESOURCES.get(str(each.get("kind")), ""), each["name"]
    return "", ""


def _last_write(repository: Repository, event: Event, owner: tuple[str, str], now: int) -> Raw | None:
    resource, name = owner
    if not resource or not name:
        return None
    terms = {"cluster": event.cluster, "ns": event.namespace, "resource": resource, "name": name}
    text = " ".join(f"{field}:{quote(value)}" for field, value in terms.items())
    text += " verb:(create or update or patch) stage:ResponseComplete -sub:status"
    search = compile_query(text, now, repository.database.dialect)
    bounds = (time_bound(max(0, (event.time - WITHIN) // 1_000)), time_bound(event.time // 1_000 + 1))
    near = search._replace(lowest=bounds[0], highest=bounds[1])
    raws = repository.read_chunks(locate(repository, near, LAST, MOST_WRITES, SECONDS).located)
    writes = ((raw, event_of(raw)) for raw in raws)
    return next((raw for raw, found in writes if found.time <= event.time and (found.code or 500) < 400), None)
