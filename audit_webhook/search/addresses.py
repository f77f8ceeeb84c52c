"""Where an object or an actor has its page: the parts of its address, with words for what is empty."""

from __future__ import annotations

from typing import Final, NamedTuple

from audit_webhook.events.event import Event
from audit_webhook.query.edit import quote

CORE: Final = "core"
NOWHERE: Final = "-"
# Requests to these act through an object and do not change it.
SESSIONS: Final = ("exec", "attach", "portforward", "proxy", "log", "token")


class Place(NamedTuple):
    """An object: its cluster, API group (empty for the core), resource, namespace (empty for none) and name."""

    cluster: str
    group: str
    resource: str
    namespace: str
    name: str

    @property
    def segments(self) -> dict[str, str]:
        """The parts of the address of its page; no group is called ``core``, and no namespace ``-``."""
        return {**self._asdict(), "group": self.group or CORE, "namespace": self.namespace or NOWHERE}

    @property
    def query(self) -> str:
        """The search for every request for it."""
        terms = {
            "cluster": self.cluster, "group": self.group, "resource": self.resource, "ns": self.namespace,
            "name": self.name,
        }
        return " ".join(f"{field}:{quote(value)}" for field, value in terms.items())


class Actor(NamedTuple):
    """A user of a cluster."""

    cluster: str
    name: str

    @property
    def query(self) -> str:
        """The search for everything that the actor did."""
        return f"cluster:{quote(self.cluster)} user:{quote(self.name)}"


def place_from(cluster: str, group: str, resource: str, namespace: str, name: str) -> Place:
    """Read the parts of an address."""
    return Place(cluster, "" if group == CORE else group, resource, "" if namespace == NOWHERE else namespace, name)


def place_of(event: Event) -> Place | None:
    """Give the object of a request; None when the request is for none, or its name was cut."""
    if not (event.resource and event.name) or event.cut:
        return None
    return Place(event.cluster, event.api_group, event.resource, event.namespace, event.name)


def actor_of(event: Event) -> Actor | None:
    """Give the actor of a request; None for one without a name."""
    return Actor(event.cluster, event.actor) if event.actor else None
