"""Remembers what stands behind the keys of tallies: callers and actions never change once they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, TypeVar

from audit_webhook.events.event import Event
from audit_webhook.storage.chunks.columns import NO_ACTION, NO_CALLER, ActionRow, CallerRow
from audit_webhook.storage.chunks.counts import Key
from audit_webhook.storage.count_store import TallyStore

REMEMBERED: Final = 100_000
REMEMBERED_CHARACTERS: Final = 16_000_000
"""Of all callers or all actions together: an attacker's can have some kilobytes each."""


class Dimensions:
    """Gives events that have all that callers, actions and namespaces say, and nothing else: no id, time or name."""

    def __init__(self, tallies: TallyStore) -> None:
        """Read from this store what is not remembered."""
        self._tallies = tallies
        self._callers: _Rows[CallerRow] = _Rows(self._tallies.read_callers)
        self._actions: _Rows[ActionRow] = _Rows(self._tallies.read_actions)
        self._events: dict[Key, Event] = {}
        self._size = 0

    def events(self, keys: Iterable[Key]) -> dict[Key, Event]:
        """Give an event for each key."""
        found = {key: self._events.get(key) for key in keys}
        missing = [key for key, event in found.items() if event is None]
        if missing:
            callers = self._callers.read({key[0] for key in missing})
            actions = self._actions.read({key[1] for key in missing})
            # A tally without its caller or action, as in a copy of single tables, still counts.
            fresh = {
                key: _event(callers.get(key[0], NO_CALLER), actions.get(key[1], NO_ACTION), key[2]) for key in missing
            }
            found.update(fresh)
            self._remember(fresh)
        return {key: event for key, event in found.items() if event is not None}

    def _remember(self, fresh: dict[Key, Event]) -> None:
        self._size += sum(
            len(event.user) + len(event.session) + len(event.user_agent) + len(key[2]) + sum(map(len, event.source_ips))
            for key, event in fresh.items()
        )
        if len(self._events) + len(fresh) > REMEMBERED or self._size > REMEMBERED_CHARACTERS:
            self._events, self._size = {}, 0
        else:
            self._events.update(fresh)


_Kept = TypeVar("_Kept", bound=tuple[Any, ...])


class _Rows(Generic[_Kept]):
    """Rows by their ids, read once; forgotten all at once when they become too many or too long."""

    def __init__(self, read_rows: Callable[[Sequence[bytes]], Iterable[_Kept]]) -> None:
        self._read_rows = read_rows
        self._known: dict[bytes, _Kept] = {}
        self._size = 0

    def read(self, ids: set[bytes]) -> dict[bytes, _Kept]:
        """Return the rows of these ids that there are."""
        known = self._known
        fresh = {row[0]: row for row in self._read_rows(sorted(each for each in ids if each not in known))}
        found = {each: known[each] for each in ids if each in known} | fresh
        self._size += sum(len(text) for row in fresh.values() for text in row[1:] if isinstance(text, str))
        if len(known) + len(fresh) > REMEMBERED or self._size > REMEMBERED_CHARACTERS:
            self._known, self._size = {}, 0
        else:
            known.update(fresh)
        return found


def _event(caller: CallerRow, action: ActionRow, namespace: str) -> Event:
    _, cluster, user, groups, impersonated, ip, agent, client, kind, effective, session, claimed = caller
    _, verb, group, resource, subresource, code, level, stage, decision, manager, command, *flags = action
    return Event(
        id="", cluster=cluster, time=0, level=level, stage=stage, verb=verb, user=user,
        user_groups=_apart(groups), impersonated_user=impersonated, effective_user=effective, session=session,
        source_ips=(*_apart(claimed), ip) if ip else (), user_agent=agent, client=client, kind=kind,
        namespace=namespace, api_group=group, resource=resource, subresource=subresource, code=code or None,
        decision=decision, manager=manager, command=command, dry_run=bool(flags[0]), truncated=bool(flags[1]),
        cut=bool(flags[2]),
    )


def _apart(joined: str) -> tuple[str, ...]:
    """Return texts that stand each between newlines."""
    return tuple(joined[1:-1].split("\n")) if joined else ()
