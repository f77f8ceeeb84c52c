"""Turns the decoded JSON of one audit.k8s.io/v1 Event, see `events.wire`, into an `Event`."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from audit_webhook.events.api_resources import find
from audit_webhook.events.bodies import DELETIONS, created_name, is_dry_run, is_uncordon, recorded_kind
from audit_webhook.events.command_word import CORDON, UNCORDON, command_of
from audit_webhook.events.event import Event
from audit_webhook.events.identities import ORIGINAL_USER, effective_user, kind_of
from audit_webhook.events.ids import from_text, microseconds
from audit_webhook.events.limits import bounded, is_bounded_action, is_bounded_caller, is_plain
from audit_webhook.events.parameters import NO_FACTS, query_facts
from audit_webhook.events.times import event_time
from audit_webhook.events.user_agents import client_of, program_of
from audit_webhook.events.wire import (
    BODIES, NO_ANNOTATIONS, NO_OBJECT, NO_STATUS, NO_USER, NamedUser, ObjectReference, User, Wire, group_of, is_event,
    read_wire,
)

__all__ = [
    "BODIES", "NO_ANNOTATIONS", "NO_OBJECT", "NO_STATUS", "NO_USER", "NamedUser", "ObjectReference", "User", "Wire",
    "action_of", "caller_of", "group_of", "is_event", "query_facts", "read_wire", "to_event",
]

REMEMBERED: Final = 4096  # callers, and actions
LONGEST_DECISION: Final = 16
LONGEST_LOGIN: Final = 512
LONGEST_REMEMBERED: Final = 2048
"""How long the texts of what is remembered may be together: a client may send a user agent of a megabyte each time."""


class Caller(NamedTuple):
    """Who called, with what: the few callers of a cluster repeat endlessly."""

    user: str
    groups: tuple[str, ...]
    impersonated_user: str
    effective_user: str
    session: str
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
    caller, action = _who_did_what(wire, len(raw) <= LONGEST_REMEMBERED, manager)
    if dry_run or verb in DELETIONS or action.subresource == "eviction":
        dry_run = bool(action.resource) and is_dry_run(verb, action.subresource, dry_run, raw)
    moment = event_time(wire)
    event = Event(
        id=identifier,
        cluster=cluster,
        time=_filing_time(identifier, received) if moment is None else moment,
        is_time_recorded=moment is not None,
        requested=microseconds(wire.request_received_timestamp or "") or 0,
        received=received,
        level=action.level,
        stage=action.stage,
        verb=action.verb,
        user=caller.user,
        user_groups=caller.groups,
        impersonated_user=caller.impersonated_user,
        effective_user=caller.effective_user,
        session=caller.session,
        source_ips=caller.source_ips,
        user_agent=caller.user_agent,
        client=caller.client,
        kind=caller.kind,
        namespace=target.namespace or "",
        api_group=action.api_group,
        api_version=(target.api_version or "").rpartition("/")[2],
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
        command=UNCORDON if action.command == CORDON and is_uncordon(raw) else action.command,
        dry_run=dry_run,
        truncated=notes.truncated == "true",
        login_decision=(notes.login_decision or "")[:LONGEST_DECISION],
        login_user=(notes.login_user or "")[:LONGEST_LOGIN],
    )
    if caller.is_bounded and action.is_bounded and is_plain(event.namespace, name, uri, event.audit_id):
        return event
    return bounded(event)


def _who_did_what(wire: Wire, is_short: bool, manager: str) -> tuple[Caller, Action]:
    """Return who called and what was done; those of an event that ``is_short`` are remembered at once."""
    target, notes = wire.object_ref or NO_OBJECT, wire.annotations or NO_ANNOTATIONS
    user = wire.user.filed() if wire.user else NO_USER
    assumed = wire.impersonated_user.filed() if wire.impersonated_user else NO_USER
    caller = (_known_caller if is_short else caller_of)(user, assumed, wire.source_ips, wire.user_agent)
    return caller, (_known_action if is_short else action_of)(
        caller.program, wire.level or "", wire.stage or "", wire.verb or "", notes.decision or "", group_of(target),
        target.resource or "", target.subresource or "", manager,
    )


def _may_have_own_kind(action: Action, level: str | None) -> bool:
    """Return whether only the recorded object can say what one of another group's resource is called."""
    if not action.resource or level not in ("Request", "RequestResponse") or action.subresource not in ("", "status"):
        return False
    return find(action.api_group, action.resource) is None


def is_short_caller(user: NamedUser, impersonated: NamedUser, source_ips: tuple[str, ...], agent: str) -> bool:
    """Whether what tells who called is short enough to be remembered."""
    texts = [agent, user.username or "", impersonated.username or ""]
    most = LONGEST_REMEMBERED + 8 * len(texts)
    own, assumed = user.all_extra(), impersonated.all_extra()
    for each in (user.groups or (), impersonated.groups or (), source_ips, *own, *assumed):
        texts += each
    return sum(map(len, texts), 8 * len(texts)) <= most


def is_short_action(*texts: str) -> bool:
    """Whether what tells what was done is short enough to be remembered."""
    return sum(map(len, texts)) <= LONGEST_REMEMBERED


def caller_of(
    user: User, impersonated: User, source_ips: tuple[str, ...] | None, agent: str | None
) -> Caller:
    """Return who called, from the members that say so."""
    is_short = is_short_caller(user, impersonated, source_ips or (), agent or "")
    return (_known_caller if is_short else _caller_of)(user, impersonated, source_ips, agent)


def _caller_of(who: User, whom: User, source_ips: tuple[str, ...] | None, agent: str | None) -> Caller:
    name, groups, assumed = who.username or "", who.groups or (), whom.username or ""
    client = client_of(agent or "")
    original = next(iter(whom.extra_values(ORIGINAL_USER)), "")
    effective = effective_user(name, groups, assumed, original)
    person = who if effective == name else whom
    caller = Caller(
        name, groups, assumed, effective, _session_of(person, effective), source_ips or (), agent or "", client,
        kind_of(effective, person.groups or (), client), is_bounded=False, program=program_of(agent or ""),
    )
    return caller._replace(is_bounded=is_bounded_caller(*caller[:8]))


def _session_of(person: User, name: str) -> str:
    """Return the name that a cloud or a proxy gives somebody beside their user name; empty when it has none."""
    values = (value for key in ("sessionName", "username", "email") for value in person.extra_values(key))
    return next((value for value in values if value != name), "")


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


def _filing_time(identifier: str, received: int) -> int:
    """Return the time, in microseconds, by which an event was filed that does not say when it happened."""
    return int.from_bytes(from_text(identifier)[:6], "big") * 1000 if identifier else received
