"""The audit event as a value: what the rest of the program knows of one audit.k8s.io/v1 Event.

Nothing here knows JSON, HTTP or SQL. Strings are always valid Unicode and bounded by ``LIMITS``; an event in which a
value had to be cut says so in ``cut``, and its raw bytes in the store stay whole.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

LIMITS: Final[dict[str, int]] = {
    "verb": 64,
    "level": 64,
    "stage": 64,
    "decision": 64,
    "user": 512,
    "impersonated_user": 512,
    "effective_user": 512,
    "session": 255,
    "user_groups": 16384,
    "source_ip": 80,
    "claimed_ips": 512,
    "user_agent": 255,
    "client": 64,
    "namespace": 255,
    "api_group": 255,
    "resource": 255,
    "subresource": 255,
    "name": 255,
    "manager": 128,
    "request_uri": 1024,
    "audit_id": 255,
}
"""Longest value kept beside the raw event, in bytes of UTF-8 (``user_groups`` and ``claimed_ips``: of all
joined by newlines).

A service account's user name has up to 339: `system:serviceaccount:`, 63 of the namespace, a colon, 253 of the name.
"""

SYSTEM_KINDS: Final = ("serviceaccount", "node", "controlplane")
KINDS: Final = ("human", "anonymous", *SYSTEM_KINDS)


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One stage of one request; absent strings are empty, absent numbers None, times microseconds since the epoch.

    ``user`` is the authenticated user, ``effective_user`` the one on whose behalf the request was made, and ``kind``
    what stands behind that one; ``session`` is the name that a cloud or a proxy gives their session.
    """

    id: str
    cluster: str
    time: int
    is_time_recorded: bool = True
    requested: int = 0
    received: int = 0
    level: str = ""
    stage: str = ""
    verb: str = ""
    user: str = ""
    user_groups: tuple[str, ...] = ()
    impersonated_user: str = ""
    effective_user: str = ""
    session: str = ""
    source_ips: tuple[str, ...] = ()
    user_agent: str = ""
    client: str = ""
    kind: str = "human"
    namespace: str = ""
    api_group: str = ""
    api_version: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    object_kind: str = ""
    code: int | None = None
    status_reason: str = ""
    status_message: str = ""
    decision: str = ""
    reason: str = ""
    request_uri: str = ""
    audit_id: str = ""
    manager: str = ""
    command: str = ""
    dry_run: bool = False
    truncated: bool = False
    cut: bool = False
    login_decision: str = ""
    """What OpenShift's oauth-server decided on a login: allow, deny or error; empty for all other events."""
    login_user: str = ""
    """Who wanted to log in there; only after an ``allow`` more than what somebody typed."""

    @property
    def source_ip(self) -> str:
        """The address nearest to the apiserver: the only one that a client cannot choose (audit/types.go)."""
        return self.source_ips[-1] if self.source_ips else ""

    @property
    def actor(self) -> str:
        """The user on whose behalf the request was made; empty for one without a name."""
        return self.effective_user or self.user

    @property
    def proxy(self) -> str:
        """The authenticated user where that acted for somebody else, else nothing."""
        return self.user if self.actor != self.user else ""

    @property
    def borrowed_user(self) -> str:
        """The user whose rights the actor took on by choice, else nothing: not whom a proxy acts for."""
        return self.impersonated_user if self.impersonated_user != self.actor else ""

    @property
    def claimed_ips(self) -> tuple[str, ...]:
        """The addresses that a header claimed the request to come from; a client can choose them."""
        return self.source_ips[:-1]

    @property
    def duration(self) -> int | None:
        """Microseconds from the request's arrival at the apiserver to this stage; None when not recorded."""
        return self.time - self.requested if 0 < self.requested <= self.time else None


def rfc3339(microseconds: int) -> str:
    """Write a time as RFC 3339 in UTC with microseconds, as the apiserver does (meta/v1/micro_time.go)."""
    moment = EPOCH + timedelta(microseconds=microseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}Z"
