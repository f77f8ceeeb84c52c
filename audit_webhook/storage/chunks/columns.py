"""Files events: gives what each table of the store keeps of them, by the shortest way from their bytes.

Most events need no cut, and what they say of caller and action was said before. Those are filed straight from the
decoded JSON, column by column; all others through `Event`, which gives the same at several times the cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import compress, repeat
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar, cast

from audit_webhook.events.bodies import DELETIONS, created_name, is_dry_run, is_uncordon
from audit_webhook.events.command_word import CORDON, UNCORDON
from audit_webhook.events.decode import (
    LONGEST_REMEMBERED, NO_ANNOTATIONS, NO_OBJECT, NO_USER, REMEMBERED, NamedUser, Wire, action_of, caller_of,
    is_short_action, is_short_caller, to_event,
)
from audit_webhook.events.event import Event
from audit_webhook.events.ids import audit_key, audit_keys, row_id
from audit_webhook.events.limits import are_plain
from audit_webhook.events.parameters import query_facts
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


class Columns(NamedTuple):
    """What the store keeps of several events: the members of `Entry`, each as a column."""

    ids: Sequence[bytes]
    raws: Sequence[bytes]
    leaves: Sequence[bytes]
    callers: Sequence[CallerRow]
    actions: Sequence[ActionRow]
    audits: Sequence[bytes]
    namespaces: Sequence[str]
    names: Sequence[str]
    uris: Sequence[str]
    allow_reasons: Sequence[str | None]


def to_entries(
    cluster: str, ids: Sequence[bytes], wires: Sequence[Wire], raws: Sequence[bytes], leaves: Sequence[bytes]
) -> list[Entry]:
    """Return the entries of events that were decoded; see `to_columns`."""
    if not wires:
        return []
    return list(map(Entry._make, zip(*to_columns(cluster, ids, wires, raws, leaves), strict=True)))


def to_columns(
    cluster: str, ids: Sequence[bytes], wires: Sequence[Wire], raws: Sequence[bytes], leaves: Sequence[bytes]
) -> Columns:
    """Return what is kept of events that were decoded.

    There is at least one; ``raws`` are their redacted bytes, ``leaves`` the digests of these.
    """
    users, assumed, addresses, agents, targets, notes, statuses, *texts = zip(*map(_members, wires), strict=True)
    verbs, uris, audits, levels, stages = map(_texts, texts)
    where = map(_target, _filled(targets, NO_OBJECT))
    resources, namespaces, named, subresources, *of_group = map(_texts, zip(*where, strict=True))
    groups = _groups_of(*of_group)
    names = named if all(named) else [
        name or (created_name(raw) if verb == "create" and resource else "")
        for name, raw, verb, resource in zip(named, raws, verbs, resources, strict=True)
    ]
    long = list(compress(range(len(raws)), map(LONGEST_REMEMBERED.__lt__, map(len, raws))))
    who = users, assumed, addresses, agents
    called = _call(_known_caller, _filed_caller, _unfit(long, _is_short_caller, who), repeat(cluster), *who)
    callers, programs = zip(*called, strict=True)
    decisions, reasons, truncated = zip(*map(_note, _filled(notes, NO_ANNOTATIONS)), strict=True)
    managers, dry_runs = _facts_of(verbs, uris, resources, subresources, raws)
    what = programs, verbs, groups, resources, subresources, levels, stages, _texts(decisions), managers
    codes = [status and status.code for status in statuses]
    flags = codes, dry_runs, [text == "true" for text in truncated] if any(truncated) else repeat(False)
    actions = _call(_known_action, _filed_action, _unfit(long, is_short_action, what), *what, *flags)
    if "nodes" in resources:
        actions = [
            _as_uncordon(row) if row[_COMMAND] == CORDON and is_uncordon(raw) else row
            for row, raw in zip(actions, raws, strict=True)
        ]
    shortened = shorten_all(uris, groups, namespaces, resources, names)
    allowed = [
        reason or "" if decision == "allow" else None for decision, reason in zip(decisions, reasons, strict=True)
    ]
    found = Columns(
        ids, raws, leaves, callers, actions, audit_keys(audits), namespaces, names, shortened, allowed
    )
    if NO_CALLER in callers or NO_ACTION in actions or not are_plain(namespaces, names, uris, audits):
        return _checked(found, wires, cluster)
    return found


_members: Final = attrgetter(
    "user", "impersonated_user", "source_ips", "user_agent", "object_ref", "annotations", "response_status", "verb",
    "request_uri", "audit_id", "level", "stage",
)
_target: Final = attrgetter("resource", "namespace", "name", "subresource", "api_group", "api_version")
_note: Final = attrgetter("decision", "reason", "truncated")
_Value = TypeVar("_Value")
_Row = TypeVar("_Row")


def _filled(column: Sequence[_Value | None], other: _Value) -> Sequence[_Value]:
    """Return a column with ``other`` in the place of None."""
    return cast(Sequence[_Value], column) if all(column) else [value or other for value in column]


def _texts(column: Sequence[str | None]) -> Sequence[str]:
    return _filled(column, "")


def _groups_of(groups: Sequence[str], versions: Sequence[str]) -> Sequence[str]:
    """Return the API groups; where a shipper left it in the version, as in ``apps/v1beta1``, from there."""
    if "/" not in "".join(versions):
        return groups
    return [group or version.rpartition("/")[0] for group, version in zip(groups, versions, strict=True)]


def _facts_of(
    verbs: Sequence[str], uris: Sequence[str], resources: Sequence[str], subresources: Sequence[str],
    raws: Sequence[bytes],
) -> tuple[list[str], list[bool]]:
    """Return the field manager of each event, and whether it was a dry run."""
    managers, dry_runs = [""] * len(uris), [False] * len(uris)
    for place, uri in enumerate(uris):
        if "?" in uri and subresources[place] != "proxy":
            managers[place], dry_runs[place] = query_facts(uri)
    asked = set(compress(range(len(verbs)), map(DELETIONS.__contains__, verbs)))
    if "eviction" in subresources or True in dry_runs:
        asked.update(
            place for place, (subresource, is_dry) in enumerate(zip(subresources, dry_runs))
            if is_dry or subresource == "eviction"
        )
    for place in asked:
        is_dry = is_dry_run(verbs[place], subresources[place], dry_runs[place], raws[place])
        dry_runs[place] = bool(resources[place]) and is_dry
    return managers, dry_runs


def _unfit(long: list[int], is_short: Callable[..., bool], columns: Sequence[Sequence[Any]]) -> set[int]:
    """Return the places whose texts are too long to be remembered, of those of ``long`` events."""
    return {place for place in long if not is_short(*[column[place] for column in columns])}


def _call(
    known: Callable[..., _Row], filed: Callable[..., _Row], unfit: set[int], *columns: Iterable[Any]
) -> list[_Row]:
    """Call ``known``, which remembers what it has returned, for each row of columns; ``filed`` where it cannot."""
    if not unfit:
        return list(map(known, *columns))
    return [(filed if place in unfit else known)(*values) for place, values in enumerate(zip(*columns))]


def _is_short_caller(
    user: NamedUser | None, impersonated: NamedUser | None, addresses: tuple[str, ...] | None, agent: str | None
) -> bool:
    return is_short_caller(user or NO_USER, impersonated or NO_USER, addresses or (), agent or "")


def _checked(found: Columns, wires: Sequence[Wire], cluster: str) -> Columns:
    """Return the columns, by a closer look at each event of which something has to be cut."""
    entries = []
    for entry, wire in zip(map(Entry._make, zip(*found, strict=True)), wires, strict=True):
        own = ([entry.namespace], [entry.name], [wire.request_uri or ""], [wire.audit_id or ""])
        if entry.caller is NO_CALLER or entry.action is NO_ACTION or not are_plain(*own):
            entry = _entry_of(entry, to_event(wire, entry.raw, cluster))
        entries.append(entry)
    return Columns(*zip(*entries, strict=True))


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
    cluster: str, user: NamedUser | None, impersonated: NamedUser | None, addresses: tuple[str, ...] | None,
    agent: str | None,
) -> tuple[CallerRow, str]:
    """Give the row of who called, an empty one when something must be cut, and the program behind the user agent."""
    addresses = addresses or ()
    who = caller_of((user or NO_USER).filed(), (impersonated or NO_USER).filed(), addresses, agent)
    if not who.is_bounded:
        return NO_CALLER, who.program
    row = _caller_row(
        cluster, who.user, who.groups, who.impersonated_user, addresses, who.user_agent, who.client, who.kind,
        who.effective_user, who.session,
    )
    return row, who.program


def _filed_action(
    client: str, verb: str, group: str, resource: str, subresource: str, level: str, stage: str, decision: str,
    manager: str, code: int | None, is_dry_run: bool, is_truncated: bool,
) -> ActionRow:
    """Give the row of what was done, an empty one when something must be cut."""
    what = action_of(client, level, stage, verb, decision, group, resource, subresource, manager)
    if not what.is_bounded:
        return NO_ACTION
    return _action_row(
        verb, group, resource, subresource, code if code and 0 < code < 1000 else 0, level, stage, decision, manager,
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


@lru_cache(maxsize=64)
def _as_uncordon(row: ActionRow) -> ActionRow:
    """Return the row of `kubectl cordon` as that of `kubectl uncordon`."""
    values: Any = (*row[1:_COMMAND], UNCORDON, *row[_COMMAND + 1:])
    return (row_id(values), *values)


_COMMAND: Final = 10


def groups_of(row: CallerRow) -> tuple[str, ...]:
    """Give the groups whose rights a caller used: of an impersonated user they are not known here."""
    _, _, _, groups, impersonated, *_ = row
    return () if impersonated else tuple(groups.split("\n")[1:-1])
