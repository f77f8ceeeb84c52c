"""Remembers what stands behind the keys of tallies: callers and actions never change once they are written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from audit_webhook.entry import ActionRow, CallerRow
from audit_webhook.event import Event
from audit_webhook.tally import Key
from audit_webhook.tally_store import TallyStore

REMEMBERED: Final = 100_000
# A tally without its caller or action, as in a copy of single tables, still counts.
_NOBODY: Final[CallerRow] = (b"", "", "", "", "", "", "", "", "")
_NOTHING: Final[ActionRow] = (b"", "", "", "", "", 0, "", "", "", "", "", 0, 0, 0)


class Dimensions:
    """Gives events that have all that callers, actions and namespaces say, and nothing else: no id, time or name."""

    def __init__(self, tallies: TallyStore) -> None:
        """Read from this store what is not remembered."""
        self._tallies = tallies
        self._callers: dict[bytes, CallerRow] = {}
        self._actions: dict[bytes, ActionRow] = {}
        self._events: dict[Key, Event] = {}

    def events(self, keys: Iterable[Key]) -> dict[Key, Event]:
        """Give an event for each key."""
        known = self._events if len(self._events) < REMEMBERED else {}
        found = {key: known.get(key) for key in keys}
        missing = [key for key, event in found.items() if event is None]
        if missing:
            callers = self._read_callers({key[0] for key in missing})
            actions = self._read_actions({key[1] for key in missing})
            fresh = {
                key: _event(callers.get(key[0], _NOBODY), actions.get(key[1], _NOTHING), key[2]) for key in missing
            }
            found.update(fresh)
            self._events = known | fresh
        return {key: event for key, event in found.items() if event is not None}

    def _read_callers(self, ids: set[bytes]) -> dict[bytes, CallerRow]:
        known = self._callers if len(self._callers) < REMEMBERED else {}
        self._callers = known | {row[0]: row for row in self._tallies.read_callers(sorted(ids - known.keys()))}
        return self._callers

    def _read_actions(self, ids: set[bytes]) -> dict[bytes, ActionRow]:
        known = self._actions if len(self._actions) < REMEMBERED else {}
        self._actions = known | {row[0]: row for row in self._tallies.read_actions(sorted(ids - known.keys()))}
        return self._actions


def _event(caller: CallerRow, action: ActionRow, namespace: str) -> Event:
    _, cluster, user, groups, impersonated, ip, agent, client, kind = caller
    _, verb, group, resource, subresource, code, level, stage, decision, manager, command, *flags = action
    return Event(
        id="", cluster=cluster, time=0, level=level, stage=stage, verb=verb, user=user,
        user_groups=tuple(groups[1:-1].split("\n")) if groups else (), impersonated_user=impersonated,
        source_ips=(ip,) if ip else (), user_agent=agent, client=client, kind=kind, namespace=namespace,
        api_group=group, resource=resource, subresource=subresource, code=code or None, decision=decision,
        manager=manager, command=command, dry_run=bool(flags[0]), truncated=bool(flags[1]), cut=bool(flags[2]),
    )
