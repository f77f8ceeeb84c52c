"""Gives callers and actions ids of their own when another row holds the id that follows from their values.

An id is a hash, and whoever chooses names and user agents can look for two callers with one hash. The store compares
the values whenever it inserts a row whose id is there, and refuses another row; then each row of the batch gets the id
of the first turn that no other row holds. A row keeps the id it has in the store, so that this happens once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from audit_webhook.errors import StoreUnavailable
from audit_webhook.events.ids import row_id
from audit_webhook.storage.chunks.columns import ActionRow, CallerRow, Entry
from audit_webhook.storage.chunks.layout import TURNS

_Row = TypeVar("_Row", CallerRow, ActionRow)


class RowReader(Protocol):
    """Reads callers and actions by their ids."""

    def read_callers(self, ids: Sequence[bytes], /) -> list[CallerRow]:
        """Return the callers with these ids."""

    def read_actions(self, ids: Sequence[bytes], /) -> list[ActionRow]:
        """Return the actions with these ids."""


def with_own_ids(store: RowReader, entries: Mapping[bytes, Entry]) -> dict[bytes, Entry]:
    """Return the entries with ids of callers and actions that no other row holds, in the batch or in the store."""
    callers = _rows_by_values((entry.caller for entry in entries.values()), store.read_callers)
    actions = _rows_by_values((entry.action for entry in entries.values()), store.read_actions)
    return {
        key: entry._replace(caller=callers[entry.caller[1:]], action=actions[entry.action[1:]])
        for key, entry in entries.items()
    }


def _rows_by_values(rows: Iterable[_Row], read: Callable[[Sequence[bytes]], list[_Row]]) -> dict[Any, _Row]:
    """Return each row with its own id, by its values without an id; ``read`` returns the stored rows of some ids."""
    first: dict[Any, _Row] = {row[1:]: row for row in rows}
    held: dict[bytes, _Row] = {row[0]: row for row in read([row_id(values) for values in first])}
    return {values: _own_row(row, held, read) for values, row in sorted(first.items())}


def _own_row(row: _Row, held: dict[bytes, _Row], read: Callable[[Sequence[bytes]], list[_Row]]) -> _Row:
    for turn in range(TURNS):
        identifier = row_id(row[1:], turn)
        if turn and identifier not in held:
            held.update((each[0], each) for each in read([identifier]))
        own: Any = (identifier, *row[1:])
        if held.setdefault(identifier, own) == own:
            return held[identifier]
    raise StoreUnavailable(f"{TURNS} other rows hold each id that a caller or an action could have")
