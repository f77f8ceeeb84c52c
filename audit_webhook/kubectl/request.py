"""One request as its stages tell of it together, with its parameters and, where recorded, its bodies.

Bodies are decoded when they are asked for, and secrets in them are masked then: most commands need none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from audit_webhook.events import lenient_json as tolerant
from audit_webhook.events.decode import BODIES, LONGEST_REMEMBERED, Wire, read_wire, to_event
from audit_webhook.events.event import Event
from audit_webhook.events.json_scanner import BrokenJSON, members
from audit_webhook.events.parameters import read_parameters
from audit_webhook.events.redaction.redact import redact
from audit_webhook.events.user_agents import kubectl_version
from audit_webhook.kubectl.lazy import lazy
from audit_webhook.kubectl.users import FullUser, loose_user

STAGES: Final = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
MOST_PARAMETERS: Final = 2_000
DISPATCHER: Final = "kubectl-dispatcher/"
SESSIONS: Final = frozenset({"exec", "attach", "portforward", "log"})
READS: Final = frozenset({"get", "list", "watch"})
LONGEST_DETOUR: Final = 5_000_000
NAMES_MANAGERS: Final = (1, 18)
CREDENTIAL: Final = "authentication.kubernetes.io/credential-id"
_NO_BODY: Final = msgspec.Raw(b"")


class Recorded(Wire, frozen=True, gc=False, rename="camel"):
    """An Event with everything that tells which command was behind it; its bodies stay undecoded."""

    user: FullUser | None = None
    impersonated_user: FullUser | None = None
    request_object: msgspec.Raw = _NO_BODY
    response_object: msgspec.Raw = _NO_BODY


class _Kind(msgspec.Struct, frozen=True):
    kind: str = ""


_decode_recorded: Final = msgspec.json.Decoder(Recorded).decode
_decode_kind: Final = msgspec.json.Decoder(_Kind).decode


class Request:
    """The stages of one request, of which the last one counts; times are microseconds since the epoch.

    ``thing`` is the object that it is about: API group, resource, namespace and name. ``role`` is ``prelude``,
    ``read``, ``session`` or ``write``: what part it can play in a command.
    """

    def __init__(self, event: Event, recorded: Recorded) -> None:
        """Take the first stage that is known; `absorb` adds the others."""
        self._take(event, recorded)

    def _take(self, event: Event, recorded: Recorded) -> None:
        """Tell of this stage, and forget what was read from another one."""
        self.__dict__.clear()
        self.event = event
        self.recorded = recorded
        self.events = [event]
        self.start = event.requested or event.time
        self.end = max(event.time, self.start)
        self.uri = recorded.request_uri or event.request_uri  # the whole, which the event's own may be cut from
        self.is_kubectl = event.client == "kubectl"
        self.is_dispatcher = self.is_kubectl and event.user_agent.startswith(DISPATCHER)
        space = "" if event.resource == "namespaces" else event.namespace
        self.thing = (event.api_group, event.resource, space, event.name)
        self.role = _role(self)

    def absorb(self, other: Request) -> None:
        """Add another stage of the same request."""
        self.events += other.events
        self.start = min(self.start, other.start)
        self.end = max(self.end, other.end)
        if _rank(other.event.stage) > _rank(self.event.stage):
            known = (self.events, self.start, self.end)
            self._take(other.event, other.recorded)
            self.events, self.start, self.end = known

    def is_copy_of(self, other: Request) -> bool:
        """Whether an aggregated apiserver wrote it about a request that another one had passed on to it.

        It has the same audit id, asks for the same, came while the other was answered, and one address more.
        """
        mine, theirs = self.event, other.event
        length = len(theirs.source_ips)
        return (
            0 < length < len(mine.source_ips) and mine.source_ips[:length] == theirs.source_ips
            and (mine.user, mine.impersonated_user, self.uri) == (theirs.user, theirs.impersonated_user, other.uri)
            and mine.user_agent == theirs.user_agent and 0 <= self.start - other.start <= LONGEST_DETOUR
        )

    @property
    def is_open(self) -> bool:
        """Whether its end is not known yet."""
        return self.event.stage in ("RequestReceived", "ResponseStarted") and self.event.code != 401

    @property
    def audit_id(self) -> str:
        """The whole auditID, which the event's own may be cut from."""
        return self.recorded.audit_id or self.event.audit_id

    @lazy
    def path(self) -> str:
        """The URI without its query."""
        return self.uri.partition("?")[0]

    @lazy
    def parameters(self) -> Mapping[str, list[str]]:
        """The parameters of the URI; none when they cannot be read."""
        query = self.uri.partition("?")[2]
        return (_known_parameters if len(query) <= LONGEST_REMEMBERED else _parse)(query) if query else {}

    @property
    def actor(self) -> tuple[object, ...]:
        """What must be the same for two requests to be of one command."""
        event, user = self.event, self.recorded.user
        extra = user.extra if user else None
        credential = extra.get(CREDENTIAL, ()) if extra else ()
        assumed = self.recorded.impersonated_user
        whom = (assumed.username, assumed.groups, assumed.uid) if assumed else ()
        return (event.cluster, event.actor, event.user, event.source_ip, credential, whom)

    def parameter(self, name: str) -> str:
        """Give the first value of a parameter; empty when there is none."""
        return self.parameters.get(name, [""])[0]

    def is_set(self, name: str) -> bool:
        """Whether a parameter is true as Kubernetes reads it: anything but ``false`` and ``0``."""
        return self.parameters.get(name, ["0"])[0].lower() not in ("false", "0")

    @lazy
    def has_body(self) -> bool:
        """Whether the request's body was recorded."""
        return bytes(self.recorded.request_object) not in (b"", b"null")

    @lazy
    def body(self) -> Any:
        """The request's body as plain values, secrets masked; None when it was not recorded or cannot be read."""
        return self._loads(b"requestObject", self.recorded.request_object)

    @lazy
    def response(self) -> Any:
        """The answer as plain values, secrets masked; None when it was not recorded or cannot be read."""
        return self._loads(b"responseObject", self.recorded.response_object)

    def _loads(self, name: bytes, raw: msgspec.Raw) -> Any:
        text = bytes(raw)
        if not text:
            return None
        event = self.event
        safe = redact(b'{"%b":%b}' % (name, text), event.resource, event.subresource)
        try:
            values = tolerant.loads(safe)
        except tolerant.Undecodable:
            return None
        return values.get(name.decode()) if isinstance(values, dict) else None

    @lazy
    def response_kind(self) -> str:
        """The kind of the answer, such as ``Table``, which only kubectl's own printing asks for; may be empty."""
        raw = self.recorded.response_object
        if not bytes(raw):
            return ""
        try:
            return _decode_kind(raw).kind
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return ""

    @lazy
    def is_table(self) -> bool | None:
        """Whether the answer was a table for people to read; None when it is not known."""
        kind = self.response_kind
        return None if not kind or kind == "Status" else kind == "Table"

    @lazy
    def version(self) -> tuple[int, int] | None:
        """The release of the kubectl that sent it, such as 1 and 36; None when it is not known."""
        return kubectl_version(self.event.user_agent)

    @lazy
    def lacks_managers(self) -> bool:
        """Whether its kubectl is older than the field managers (1.18), so that the lack of one says nothing."""
        return self.version is not None and (0, 0) < self.version < NAMES_MANAGERS

    @property
    def is_refused(self) -> bool:
        """Whether it did not do what it asked for."""
        return (self.event.code or 0) >= 400

    @property
    def manager(self) -> str:
        """The field manager that the client named."""
        return self.event.manager

    @property
    def lacks_bodies(self) -> bool:
        """Whether bodies were not recorded at this audit level, or cut off."""
        return self.event.level in ("Metadata", "None", "") or self.event.truncated


def read_request(raw: bytes, cluster: str, event: Event | None = None) -> Request:
    """Read one stage of a request; raises tolerant.Undecodable when it is no JSON object."""
    recorded = read_recorded(raw)
    return Request(event or to_event(recorded, raw, cluster), recorded)


def read_recorded(raw: bytes) -> Recorded:
    """Decode what was recorded of one stage; raises tolerant.Undecodable when it is no JSON object."""
    try:
        return _decode_recorded(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _read_tolerantly(raw)


def request_from(recorded: Recorded, raw: bytes, cluster: str) -> Request:
    """Return the request of a stage that was decoded from these bytes."""
    return Request(to_event(recorded, raw, cluster), recorded)


def request_of(event: Event) -> Request:
    """Give the request of an event whose bytes are not at hand."""
    assumed = FullUser(username=event.impersonated_user) if event.impersonated_user else None
    return Request(event, Recorded(request_uri=event.request_uri, impersonated_user=assumed))


def _read_tolerantly(raw: bytes) -> Recorded:
    """Read what a strict parser refuses, such as a client's patch with bytes that are not UTF-8."""
    wire = read_wire(raw)
    facts: dict[str, Any] = {name: getattr(wire, name) for name in Wire.__struct_fields__ if "user" not in name}
    values = tolerant.shallow(raw, skip=BODIES).values
    try:
        bodies = {key: raw[start:end] for key, start, end in members(raw) if key in BODIES}
    except BrokenJSON:
        bodies = {}
    return Recorded(
        user=loose_user(values.get("user")),
        impersonated_user=loose_user(values.get("impersonatedUser")),
        request_object=msgspec.Raw(bodies.get("requestObject", b"")),
        response_object=msgspec.Raw(bodies.get("responseObject", b"")),
        **facts,
        user_agent=wire.user_agent,
    )


def _parse(query: str) -> Mapping[str, list[str]]:
    return read_parameters(query, MOST_PARAMETERS)


_known_parameters: Final = lru_cache(maxsize=1024)(_parse)


def _role(request: Request) -> str:
    event = request.event
    if not event.resource:
        return "prelude" if request.is_dispatcher or _is_discovery(event, request.uri.partition("?")[0]) else "read"
    if event.subresource in SESSIONS and event.resource == "pods":
        return "session"
    return "read" if event.verb in READS else "write"


def _rank(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else -1


def _is_discovery(event: Event, path: str) -> bool:
    """Whether kubectl asks which APIs there are, as it does before other things (client-go discovery)."""
    if event.verb not in ("get", "") or event.client != "kubectl":
        return False
    if path in ("/api", "/apis", "/openapi/v2", "/openapi/v3", "/version") or path.startswith("/openapi/v3/"):
        return True
    parts = path.strip("/").split("/")
    return parts[0] == "api" and len(parts) == 2 or parts[0] == "apis" and len(parts) in (2, 3)
