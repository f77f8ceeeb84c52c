"""Files events: gives what each table of the store keeps of them, by the shortest way from their bytes.

Most events need no cut, and what they say of caller and action was said before. Those are filed straight from the
decoded JSON, column by column; all others through `Event`, which gives the same at several times the cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from audit_webhook.events.bodies import DELETIONS, created_name, is_dry_run
from audit_webhook.events.decode import (
    LONGEST_REMEMBERED, NO_ANNOTATIONS, NO_OBJECT, NO_STATUS, NO_USER, REMEMBERED, NamedUser, ObjectReference, Wire,
    action_of, caller_of, group_of, is_short_action, is_short_caller, to_event,
)
from audit_webhook.events.event import Event
from audit_webhook.events.ids import audit_key, audit_keys, row_id
from audit_webhook.events.limits import are_plain
from audit_webhook.events.parameters import NO_FACTS, query_facts
from audit_webhook.storage.chunks.uri_column import shorten, shorten_all

CallerRow = tuple[bytes, str, str, str, str, str, str, str, str, str, str, str]
"""Id, cluster, user, groups each between newlines, impersonated user, address, user agent, client and kind; effective
user, session and claimed addresses each between newlines."""

ActionRow = tuple[bytes, str, str, str, str, int, str, str, str, str, str, int, int, int]
"""Id, verb, group, resource, subresource, code, level, stage, decision, manager, command; dry run, truncated, cut."""
NO_CALLER: Final[CallerRow] = (b"", "", "", "", "", "", "", "", "", "", "", "")
NO_ACTION: Final[ActionRow] = (b"", "", "", "", "", 0, "", "", "", "", "", 0, 0, 0)
"""In the place of a row of which something must be cut."""


class Entry(NamedTuple):
    """What the store keeps of one event.

    ``raw`` is redacted, ``leaf`` its digest, ``audit`` what `identity.audit_key` makes of its auditID, ``uri`` is
    shortened (see uri_column); ``allow_reason`` is why it was allowed, if it was.
    """

    id: bytes
    raw: bytes
    leaf: bytes
    caller: CallerRow
    action: ActionRow
    audit: bytes
    namespace: str
    name: str
    uri: str
    allow_reason: str | None


def to_columns(
    cluster: str, ids: Sequence[bytes], wires: Sequence[Wire], raws: Sequence[bytes], leaves: Sequence[bytes]
) -> list[Entry]:
    """Give the entries of events that were decoded, from their ids, their redacted bytes and the digests of these."""
    targets = [wire.object_ref or NO_OBJECT for wire in wires]
    uris = [wire.request_uri or "" for wire in wires]
    audits = [wire.audit_id or "" for wire in wires]
    namespaces = [target.namespace or "" for target in targets]
    names = [each.name or _chosen_name(wire, each, raw) for wire, each, raw in zip(wires, targets, raws, strict=True)]
    callers = _callers_of(cluster, wires, raws)
    groups, resources = list(map(group_of, targets)), [each.resource or "" for each in targets]
    actions = _actions_of(wires, targets, uris, raws, [client for _, client in callers], groups)
    rows = [row for row, _ in callers]
    shortened = shorten_all(uris, groups, namespaces, resources, names)
    notes = [wire.annotations or NO_ANNOTATIONS for wire in wires]
    allow_reason = [note.reason or "" if note.decision == "allow" else None for note in notes]
    entries = list(map(Entry._make, zip(
        ids, raws, leaves, rows, actions, audit_keys(audits), namespaces, names, shortened,
        allow_reason, strict=True,
    )))
    if NO_CALLER in rows or NO_ACTION in actions or not are_plain(namespaces, names, uris, audits):
        return [_checked(entry, wire, cluster) for entry, wire in zip(entries, wires, strict=True)]
    return entries


def _checked(entry: Entry, wire: Wire, cluster: str) -> Entry:
    """Give the entry, by a closer look when something of it has to be cut."""
    own = ([entry.namespace], [entry.name], [wire.request_uri or ""], [wire.audit_id or ""])
    if entry.caller is NO_CALLER or entry.action is NO_ACTION or not are_plain(*own):
        return _entry_of(entry, to_event(wire, entry.raw, cluster))
    return entry


def _chosen_name(wire: Wire, target: ObjectReference, raw: bytes) -> str:
    """Give the name of an object that was created without one."""
    return created_name(raw) if wire.verb == "create" and target.resource else ""


def _callers_of(cluster: str, wires: Sequence[Wire], raws: Sequence[bytes]) -> list[tuple[CallerRow, str]]:
    """Return the row of who called, and the program behind the user agent."""
    callers = []
    for raw, wire in zip(raws, wires, strict=True):
        user, impersonated = wire.user or NO_USER, wire.impersonated_user or NO_USER
        addresses, agent = wire.source_ips or (), wire.user_agent or ""
        is_short = len(raw) <= LONGEST_REMEMBERED or is_short_caller(user, impersonated, addresses, agent)
        callers.append((_known_caller if is_short else _filed_caller)(cluster, user, impersonated, addresses, agent))
    return callers


def _actions_of(
    wires: Sequence[Wire], targets: Sequence[ObjectReference], uris: Sequence[str], raws: Sequence[bytes],
    clients: Sequence[str], groups: Sequence[str],
) -> list[ActionRow]:
    """Give the row of what was done."""
    actions = []
    for client, wire, target, group, uri, raw in zip(clients, wires, targets, groups, uris, raws, strict=True):
        resource, subresource = target.resource or "", target.subresource or ""
        note, verb = wire.annotations or NO_ANNOTATIONS, wire.verb or ""
        manager, is_dry = query_facts(uri) if "?" in uri and subresource != "proxy" else NO_FACTS
        if is_dry or verb in DELETIONS or subresource == "eviction":
            is_dry = bool(resource) and is_dry_run(verb, subresource, is_dry, raw)
        texts = client, verb, group, resource, subresource, wire.level or "", wire.stage or "", note.decision or ""
        is_short = len(raw) <= LONGEST_REMEMBERED or is_short_action(*texts, manager)
        file_action = _known_action if is_short else _filed_action
        code = (wire.response_status or NO_STATUS).code or 0
        actions.append(file_action(*texts, manager, code, is_dry, note.truncated == "true"))
    return actions


def _entry_of(entry: Entry, event: Event) -> Entry:
    """Give the entry of an event of which something had to be cut."""
    caller = _caller_row(
        event.cluster, event.user, event.user_groups, event.impersonated_user, event.source_ips, event.user_agent,
        event.client, event.kind, event.effective_user, event.session,
    )
    action = _action_row(
        event.verb, event.api_group, event.resource, event.subresource, event.code or 0, event.level, event.stage,
        event.decision, event.manager, event.command, int(event.dry_run), int(event.truncated), int(event.cut),
    )
    allow_reason = event.reason if event.decision == "allow" else None
    uri = shorten(event.request_uri, event.api_group, event.namespace, event.resource, event.name)
    audit = audit_key(event.audit_id)
    return Entry(entry.id, entry.raw, entry.leaf, caller, action, audit, event.namespace, event.name, uri, allow_reason)


def _filed_caller(
    cluster: str, user: NamedUser, impersonated: NamedUser, addresses: tuple[str, ...], agent: str
) -> tuple[CallerRow, str]:
    """Give the row of who called, an empty one when something must be cut, and the program behind the user agent."""
    who = caller_of(user.filed(), impersonated.filed(), addresses, agent)
    if not who.is_bounded:
        return NO_CALLER, who.program
    row = _caller_row(
        cluster, who.user, who.groups, who.impersonated_user, addresses, who.user_agent, who.client, who.kind,
        who.effective_user, who.session,
    )
    return row, who.program


def _filed_action(
    client: str, verb: str, group: str, resource: str, subresource: str, level: str, stage: str, decision: str,
    manager: str, code: int, is_dry_run: bool, is_truncated: bool,
) -> ActionRow:
    """Give the row of what was done, an empty one when something must be cut."""
    what = action_of(client, level, stage, verb, decision, group, resource, subresource, manager)
    if not what.is_bounded:
        return NO_ACTION
    return _action_row(
        verb, group, resource, subresource, code if 0 < code < 1000 else 0, level, stage, decision, manager,
        what.command, int(is_dry_run), int(is_truncated), 0,
    )


_known_caller: Final = lru_cache(maxsize=REMEMBERED)(_filed_caller)
_known_action: Final = lru_cache(maxsize=REMEMBERED)(_filed_action)


def _caller_row(
    cluster: str, user: str, groups: tuple[str, ...], impersonated: str, addresses: tuple[str, ...], agent: str,
    client: str, kind: str, effective: str, session: str,
) -> CallerRow:
    address = addresses[-1] if addresses else ""
    values = (
        cluster, user, _joined(groups), impersonated, address, agent, client, kind, effective, session,
        _joined(addresses[:-1]),
    )
    return (row_id(values), *values)


def _joined(texts: tuple[str, ...]) -> str:
    """Return texts each between newlines; empty when there are none."""
    return "\n".join(("", *texts, "")) if texts else ""


def _action_row(
    verb: str, group: str, resource: str, subresource: str, code: int, level: str, stage: str, decision: str,
    manager: str, command: str, dry_run: int, truncated: int, cut: int,
) -> ActionRow:
    values = (
        verb, group, resource, subresource, code, level, stage, decision, manager, command, dry_run, truncated, cut,
    )
    return (row_id(values), *values)


def groups_of(row: CallerRow) -> tuple[str, ...]:
    """Give the groups whose rights a caller used: of an impersonated user they are not known here."""
    _, _, _, groups, impersonated, *_ = row
    return () if impersonated else tuple(groups.split("\n")[1:-1])
