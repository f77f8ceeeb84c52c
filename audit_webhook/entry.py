"""Files one event: gives what each table of the store keeps of it, by the shortest way from its bytes.

Most events need no cut, and what they say of caller and action was said before. Those are filed straight from the
decoded JSON; all others through `Event`, which gives the same at several times the cost.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from audit_webhook.bounds import are_plain
from audit_webhook.decode import (
    NO_ANNOTATIONS, NO_OBJECT, NO_STATUS, NO_USER, REMEMBERED, User, Wire, action_of, caller_of, created_name,
    is_dry_deletion, query_facts, to_event,
)
from audit_webhook.event import Event
from audit_webhook.identity import audit_hash, short_hash

CallerRow = tuple[bytes, str, str, str, str, str, str, str, str]
"""Id, cluster, user, groups each between newlines, impersonated user, address, user agent, client and kind."""

ActionRow = tuple[bytes, str, str, str, str, int, str, str, str, str, str, int, int, int]
"""Id, verb, group, resource, subresource, code, level, stage, decision, manager, command; dry run, truncated, cut."""


class Entry(NamedTuple):
    """What the store keeps of one event; ``raw`` is redacted, ``grounds`` the reason that allowed it, if any did."""

    id: bytes
    raw: bytes
    caller: CallerRow
    action: ActionRow
    audit: bytes
    namespace: str
    name: str
    uri: str
    grounds: str | None


def file_event(identifier: bytes, cluster: str, wire: Wire, raw: bytes) -> Entry:
    """Give the entry of an event that was decoded, from its redacted bytes."""
    caller, client = _known_caller(
        cluster, wire.user or NO_USER, wire.impersonated_user or NO_USER, wire.source_ips or (), wire.user_agent or ""
    )
    target = wire.object_ref or NO_OBJECT
    notes = wire.annotations or NO_ANNOTATIONS
    verb, uri = wire.verb or "", wire.request_uri or ""
    namespace, audit_id = target.namespace or "", wire.audit_id or ""
    name = target.name or (created_name(raw) if verb == "create" and target.resource else "")
    manager, dry_run = query_facts(uri) if "?" in uri else ("", False)
    action = _known_action(
        client, verb, target.api_group or "", target.resource or "", target.subresource or "",
        (wire.response_status or NO_STATUS).code or 0, wire.level or "", wire.stage or "", notes.decision or "",
        manager, dry_run or is_dry_deletion(verb, raw), notes.truncated == "true",
    )
    if caller is None or action is None or not are_plain(namespace, name, uri, audit_id):
        return _entry_of(identifier, to_event(wire, raw, cluster), raw)
    grounds = notes.reason or "" if notes.decision == "allow" else None
    return Entry(identifier, raw, caller, action, audit_hash(audit_id), namespace, name, uri, grounds)


def _entry_of(identifier: bytes, event: Event, raw: bytes) -> Entry:
    """Give the entry of an event of which something had to be cut."""
    caller = _caller_row(
        event.cluster, event.user, event.user_groups, event.impersonated_user, event.source_ip, event.user_agent,
        event.client, event.kind,
    )
    action = _action_row(
        event.verb, event.api_group, event.resource, event.subresource, event.code or 0, event.level, event.stage,
        event.decision, event.manager, event.command, int(event.dry_run), int(event.truncated), int(event.cut),
    )
    grounds = event.reason if event.decision == "allow" else None
    return Entry(
        identifier, raw, caller, action, audit_hash(event.audit_id), event.namespace, event.name, event.request_uri,
        grounds,
    )


@lru_cache(maxsize=REMEMBERED)
def _known_caller(
    cluster: str, user: User, impersonated: User, addresses: tuple[str, ...], agent: str
) -> tuple[CallerRow | None, str]:
    """Give the row of who called, None when something must be cut, and the program behind the user agent."""
    who = caller_of(user, impersonated, addresses, agent)
    if not who.is_bounded:
        return None, who.client
    address = addresses[-1] if addresses else ""
    row = _caller_row(
        cluster, who.user, who.groups, who.impersonated_user, address, who.user_agent, who.client, who.kind
    )
    return row, who.client


@lru_cache(maxsize=REMEMBERED)
def _known_action(
    client: str, verb: str, group: str, resource: str, subresource: str, code: int, level: str, stage: str,
    decision: str, manager: str, is_dry_run: bool, is_truncated: bool,
) -> ActionRow | None:
    """Give the row of what was done, None when something must be cut."""
    what = action_of(client, level, stage, verb, decision, group, resource, subresource, manager)
    if not what.is_bounded:
        return None
    return _action_row(
        verb, group, resource, subresource, code if 0 < code < 1000 else 0, level, stage, decision, manager,
        what.command, int(is_dry_run), int(is_truncated), 0,
    )


def _caller_row(
    cluster: str, user: str, groups: tuple[str, ...], impersonated: str, address: str, agent: str, client: str,
    kind: str,
) -> CallerRow:
    joined = "\n".join(("", *groups, "")) if groups else ""
    identifier = short_hash(cluster, user, joined, impersonated, address, agent, client, kind)
    return (identifier, cluster, user, joined, impersonated, address, agent, client, kind)


def _action_row(
    verb: str, group: str, resource: str, subresource: str, code: int, level: str, stage: str, decision: str,
    manager: str, command: str, dry_run: int, truncated: int, cut: int,
) -> ActionRow:
    numbers = (str(code), str(dry_run), str(truncated), str(cut))
    identifier = short_hash(verb, group, resource, subresource, level, stage, decision, manager, command, *numbers)
    return (
        identifier, verb, group, resource, subresource, code, level, stage, decision, manager, command, dry_run,
        truncated, cut,
    )


def groups_of(row: CallerRow) -> tuple[str, ...]:
    """Give the groups whose rights a caller used: of an impersonated user they are not known here."""
    _, _, _, groups, impersonated, *_ = row
    return () if impersonated else tuple(groups.split("\n")[1:-1])
