"""Who reads: a name, a role, and the clusters and namespaces that he may see."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

Role = Literal["viewer", "admin"]
Way = Literal["open", "session", "token", "proxy", "assistant", "local assistant"]
"""How a reader was let in; an assistant asks with the token of a reader, or on this machine for an account."""

ROLES: Final[tuple[Role, ...]] = ("viewer", "admin")
ANY: Final = "*"
_NAME: Final = re.compile(r"[!-9;-~]{1,64}", re.ASCII)  # any visible character but the colon
_PLACE: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", re.ASCII)


class Scope(NamedTuple):
    """The clusters and namespaces that may be seen; None stands for all of them, an empty set for none.

    Who is limited to namespaces sees nothing that lies in no namespace.
    """

    clusters: frozenset[str] | None = None
    namespaces: frozenset[str] | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is anything that may not be seen."""
        return self.clusters is not None or self.namespaces is not None

    def has_cluster(self, cluster: str) -> bool:
        """Whether something of this cluster may be seen."""
        return self.clusters is None or cluster in self.clusters


EVERYWHERE: Final = Scope()
NOWHERE: Final = Scope(frozenset(), frozenset())


class Reader(NamedTuple):
    """Somebody who was let in, which way, and the token that his pages' forms must carry."""

    name: str
    role: Role
    scope: Scope
    way: Way
    form_token: str = ""

    def may(self, role: Role) -> bool:
        """Whether the reader has at least this role."""
        return ROLES.index(self.role) >= ROLES.index(role)


def check_name(name: str) -> str:
    """Give a reader's name back; ValueError when it is none."""
    if not _NAME.fullmatch(name):
        raise ValueError("a name is 1 to 64 visible ASCII characters without a colon")
    return name


def read_role(text: str) -> Role:
    """Read a role; ValueError when it is none."""
    for role in ROLES:
        if role == text:
            return role
    raise ValueError(f"a role is one of {', '.join(ROLES)}")


def read_places(text: str) -> frozenset[str] | None:
    """Read names of clusters or namespaces with commas between them, ``*`` for all; ValueError for what is none."""
    if text == ANY:
        return None
    places = frozenset(part.strip() for part in text.split(","))
    if not all(_PLACE.fullmatch(place) for place in places):
        raise ValueError(f"{text!r} is neither * nor a list of names with commas between them")
    return places


def write_places(places: frozenset[str] | None) -> str:
    """Write names as `read_places` reads them."""
    return ANY if places is None else ",".join(sorted(places))
