"""Turns the raw bytes of one audit.k8s.io/v1 Event into an `Event`.

The bodies are most of the bytes and are rarely needed: a typed decode steps over them. What it does not take (a lone
surrogate, a number where a string belongs) is decoded member by member; a value of the wrong type counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from audit_webhook import tolerant
from audit_webhook.api_resources import find
from audit_webhook.bounds import are_plain, bounded, is_bounded_action, is_bounded_caller
from audit_webhook.client import client_of, program_of
from audit_webhook.command import command_of
from audit_webhook.event import Event, kind_of
from audit_webhook.events.bodies import created_name, is_dry_run, recorded_kind
from audit_webhook.events.parameters import NO_FACTS, query_facts
from audit_webhook.identity import microseconds, within_bounds

BODIES: Final = frozenset({"requestObject", "responseObject"})


class User(msgspec.Struct, frozen=True, gc=False):
    """A user as it stands in JSON (k8s.io/api authentication/v1 UserInfo)."""

    username: str | None = None
    groups: tuple[str, ...] | None = None


class ObjectReference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What a request was about, as it stands in JSON (audit/v1 ObjectReference)."""

    resource: str | None = None
    namespace: str | None = None
    name: str | None = None
    api_group: str | None = None
    api_version: str | None = None
    subresource: str | None = None


class _Status(msgspec.Struct, frozen=True, gc=False):
    code: int | None = None
    reason: str | None = None
    message: str | None = None


class _Annotations(msgspec.Struct, frozen=True, gc=False):
    decision: str | None = msgspec.field(default=None, name="authorization.k8s.io/decision")
    reason: str | None = msgspec.field(default=None, name="authorization.k8s.io/reason")
    truncated: str | None = msgspec.field(default=None, name="audit.k8s.io/truncated")


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An Event as it stands in JSON, without its bodies (k8s.io/apiserver pkg/apis/audit/v1/types.go)."""

    level: str | None = None
    audit_id: str | None = msgspec.field(default=None, name="auditID")
    stage: str | None = None
    request_uri: str | None = msgspec.field(default=None, name="requestURI")
    verb: str | None = None
    user: User | None = None
    impersonated_user: User | None = None
    source_ips: tuple[str, ...] | None = msgspec.field(default=None, name="sourceIPs")
    user_agent: str | None = None
    object_ref: ObjectReference | None = None
    response_status: _Status | None = None
    request_received_timestamp: str | None = None
    stage_timestamp: str | None = None
    annotations: _Annotations | None = None


_decode_wire: Final = msgspec.json.Decoder(Wire).decode
NO_USER: Final = User()
NO_OBJECT: Final = ObjectReference()
NO_STATUS: Final = _Status()
NO_ANNOTATIONS: Final = _Annotations()
REMEMBERED: Final = 4096  # callers, and actions
LONGEST_REMEMBERED: Final = 2048
"""How long the texts of what is remembered may be together: a client may send a user agent of a megabyte each time."""


def read_wire(raw: bytes) -> Wire:
    """Decode what stands beside the bodies; raises tolerant.Undecodable when it is no JSON object at all."""
    try:
        return _decode_wire(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _tolerant_wire(tolerant.shallow(raw, skip=BODIES).values)


def is_event(wire: Wire) -> bool:
    """Whether an object has at least one of the members that every audit event has.

    Something else that was posted by mistake, such as an AdmissionReview, is none, and may hold anything.
    """
    return bool(wire.audit_id or wire.level or wire.stage or wire.verb or wire.request_uri)


class Caller(NamedTuple):
    """Who called, with what: the few callers of a cluster repeat endlessly."""

    user: str
    groups: tuple[str, ...]
    impersonated_user: str
    source_ips: tuple[str, ...]
    user_agent: str
    client: str
    kind: str
    is_bounded: bool
    program: str


class Action(NamedTuple):
    """What was done, on which kind of object: these repeat endlessly too."""

    level: str
    stage: str
    verb: str
    decision: str
    api_group: str
    resource: str
    subresource: str
    manager: str
    command: str
    is_bounded: bool


def to_event(wire: Wire, raw: bytes, cluster: str, identifier: str = "", received: int = 0) -> Event:
    """Build the value that the rest of the program works with; over-long strings are cut, and `cut` says so."""
    target = wire.object_ref or NO_OBJECT
    status = wire.response_status or NO_STATUS
    notes = wire.annotations or NO_ANNOTATIONS
    uri = wire.request_uri or ""
    verb = wire.verb or ""
    name = target.name or (created_name(raw) if verb == "create" and target.resource else "")
    manager, dry_run = query_facts(uri) if "?" in uri and target.subresource != "proxy" else NO_FACTS
    caller = caller_of(_plain(wire.user), _plain(wire.impersonated_user), wire.source_ips, wire.user_agent)
    action = action_of(
        caller.program, wire.level, wire.stage, verb, notes.decision, target.api_group, target.resource,
        target.subresource, manager,
    )
    event = Event(
        id=identifier,
        cluster=cluster,
        time=within_bounds(stage_time(wire)),
        requested=microseconds(wire.request_received_timestamp or "") or 0,
        received=received,
        level=action.level,
        stage=action.stage,
        verb=action.verb,
        user=caller.user,
        user_groups=caller.groups,
        impersonated_user=caller.impersonated_user,
        source_ips=caller.source_ips,
        user_agent=caller.user_agent,
        client=caller.client,
        kind=caller.kind,
        namespace=target.namespace or "",
        api_group=action.api_group,
        api_version=target.api_version or "",
        resource=action.resource,
        subresource=action.subresource,
        name=name,
        object_kind=recorded_kind(raw) if _may_have_own_kind(action, wire.level) else "",
        code=status.code if status.code and 0 < status.code < 1000 else None,
        status_reason=status.reason or "",
        status_message=status.message or "",
        decision=action.decision,
        reason=notes.reason or "",
        request_uri=uri,
        audit_id=wire.audit_id or "",
        manager=action.manager,
        command=action.command,
        dry_run=bool(action.resource) and is_dry_run(verb, action.subresource, dry_run, raw),
        truncated=notes.truncated == "true",
    )
    if caller.is_bounded and action.is_bounded and are_plain([event.namespace], [name], [uri], [event.audit_id]):
        return event
    return bounded(event)


def _may_have_own_kind(action: Action, level: str | None) -> bool:
    """Return whether only the recorded object can say what one of another group's resource is called."""
    if not action.resource or level not in ("Request", "RequestResponse") or action.subresource not in ("", "status"):
        return False
    return find(action.api_group, action.resource) is None


def _plain(user: User | None) -> User | None:
    """Return a user without what a larger struct knows of it, which may be long."""
    return user if user is None or type(user) is User else User(user.username, user.groups)


def is_short_caller(user: User, impersonated: User, source_ips: tuple[str, ...], agent: str) -> bool:
    """Whether what tells who called is short enough to be remembered."""
    lists = (user.groups or (), impersonated.groups or (), source_ips)
    texts = len(agent) + len(user.username or "") + len(impersonated.username or "")
    return texts + sum(sum(map(len, each), 8 * len(each)) for each in lists) <= LONGEST_REMEMBERED


def is_short_action(*texts: str) -> bool:
    """Whether what tells what was done is short enough to be remembered."""
    return sum(map(len, texts)) <= LONGEST_REMEMBERED


def caller_of(
    user: User | None, impersonated: User | None, source_ips: tuple[str, ...] | None, agent: str | None
) -> Caller:
    """Return who called, from the members that say so."""
    is_short = is_short_caller(user or NO_USER, impersonated or NO_USER, source_ips or (), agent or "")
    return (_known_caller if is_short else _caller_of)(user, impersonated, source_ips, agent)


def _caller_of(
    user: User | None, impersonated: User | None, source_ips: tuple[str, ...] | None, agent: str | None
) -> Caller:
    who = user or NO_USER
    name, client = who.username or "", client_of(agent or "")
    assumed = (impersonated or NO_USER).username or ""
    caller = Caller(
        name, who.groups or (), assumed, source_ips or (), agent or "", client, kind_of(name), is_bounded=False,
        program=program_of(agent or ""),
    )
    return caller._replace(is_bounded=is_bounded_caller(*caller[:6]))


def action_of(
    client: str, level: str | None, stage: str | None, verb: str, decision: str | None, group: str | None,
    resource: str | None, subresource: str | None, manager: str,
) -> Action:
    """Return what was done, from the members that say so."""
    texts = (level or "", stage or "", verb, decision or "", group or "", resource or "", subresource or "", manager)
    return (_known_action if is_short_action(*texts) else _action_of)(client, *texts)


def _action_of(client: str, *texts: str) -> Action:
    _, _, verb, _, group, resource, subresource, manager = texts
    command = command_of(client, verb, group, resource, subresource, manager)
    return Action._make((*texts, command, is_bounded_action(*texts)))


_known_caller, _known_action = lru_cache(REMEMBERED)(_caller_of), lru_cache(REMEMBERED)(_action_of)


def stage_time(wire: Wire) -> int | None:
    """Give the time of this stage in microseconds, or of the request's arrival where that is all there is."""
    moment = microseconds(wire.stage_timestamp or "")
    return moment if moment is not None else microseconds(wire.request_received_timestamp or "")


def _tolerant_wire(values: Mapping[str, object]) -> Wire:
    """Build the wire value from loosely decoded members; what has the wrong type counts as absent."""
    user, target = _mapping(values.get("user")), _mapping(values.get("objectRef"))
    status, notes = _mapping(values.get("responseStatus")), _mapping(values.get("annotations"))
    code = status.get("code")
    return Wire(
        level=_text(values.get("level")),
        audit_id=_text(values.get("auditID")),
        stage=_text(values.get("stage")),
        request_uri=_text(values.get("requestURI")),
        verb=_text(values.get("verb")),
        user=User(_text(user.get("username")), _texts(user.get("groups"))),
        impersonated_user=User(_text(_mapping(values.get("impersonatedUser")).get("username"))),
        source_ips=_texts(values.get("sourceIPs")),
        user_agent=_text(values.get("userAgent")),
        object_ref=ObjectReference(
            resource=_text(target.get("resource")),
            namespace=_text(target.get("namespace")),
            name=_text(target.get("name")),
            api_group=_text(target.get("apiGroup")),
            api_version=_text(target.get("apiVersion")),
            subresource=_text(target.get("subresource")),
        ),
        response_status=_Status(
            code if type(code) is int else None, _text(status.get("reason")), _text(status.get("message"))
        ),
        request_received_timestamp=_text(values.get("requestReceivedTimestamp")),
        stage_timestamp=_text(values.get("stageTimestamp")),
        annotations=_Annotations(
            _text(notes.get("authorization.k8s.io/decision")),
            _text(notes.get("authorization.k8s.io/reason")),
            _text(notes.get("audit.k8s.io/truncated")),
        ),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
