"""Events to tell of: made ones from what differs from a plain request, and recorded ones."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.event import Event
from audit_webhook.events.split import split
from tests.factories import audit_event, encode

DATA = Path(__file__).parent / "data"
BATCHES = sorted((DATA / "webhook").glob("*.json.gz"))
FORBID = {"authorization.k8s.io/decision": "forbid"}
POD = "/api/v1/namespaces/shop/pods/web-0/"
TYPED = "&container=app&stdin=true&stdout=true&tty=true"
SILENT = "&container=app&stdout=true&stderr=true"


def decode(event: dict[str, Any]) -> Event:
    """Read an event as it comes from an apiserver."""
    raw = encode(event)
    return to_event(read_wire(raw), raw, "prod")


def recorded(path: Path) -> Iterator[Event]:
    """Read the events of a recorded batch."""
    for raw in split(gzip.decompress(path.read_bytes())).items:
        yield to_event(read_wire(raw), raw, "prod")


def read(**changes: Any) -> Event:
    """Make an event that differs from a plain ``get`` of a pod by the members given."""
    return decode(audit_event(**changes))


def ref(resource: str, name: str = "", namespace: str = "", subresource: str = "", group: str = "") -> dict[str, str]:
    """Make an object reference."""
    return {"resource": resource, "name": name, "namespace": namespace, "subresource": subresource, "apiGroup": group}


def user(name: str) -> dict[str, str]:
    """Make a user."""
    return {"username": name}


KUBELET = "kubelet/v1.36.2 (linux/amd64) kubernetes/98b3519"
SCHEDULER = "kube-scheduler/v1.36.2 (linux/amd64) kubernetes/98b3519"
MANAGER = "kube-controller-manager/v1.36.2 (linux/amd64) kubernetes/98b3519"


def controller(name: str) -> dict[str, str]:
    """Make the user of a controller."""
    return user(f"system:serviceaccount:kube-system:{name}")


def status(code: int, reason: str = "", message: str = "") -> dict[str, Any]:
    """Make a response status."""
    return {"code": code, "reason": reason, "message": message}


def in_pod(subresource: str, query: str, **changes: Any) -> dict[str, Any]:
    """Make what differs in a request for a pod's subresource."""
    uri = f"{POD}{subresource}?{query}"
    return {"objectRef": ref("pods", "web-0", "shop", subresource), "requestURI": uri, **changes}


def ran(command: str, flags: str = SILENT, **changes: Any) -> dict[str, Any]:
    """Make what differs in an exec."""
    return in_pod("exec", command + flags, responseStatus=status(101), **changes)
