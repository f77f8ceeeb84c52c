"""What people decide about alerts to come: mutes with an end, and rules that are switched on or off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from audit_webhook.storage import statements as queries
from audit_webhook.storage.database import Cursor, Database, Row
from audit_webhook.storage.text_columns import text_of


class Mute(NamedTuple):
    """Hits that raise nothing until a time in microseconds; an empty text stands for any. ``hits`` counts them."""

    id: bytes
    rule: str
    cluster: str
    namespace: str
    actor: str
    client: str
    object: str
    ends: int
    reason: str
    made: int
    made_by: str
    revoked: int = 0
    revoked_by: str = ""
    hits: int = 0

    def is_active(self, now: int) -> bool:
        """Return whether the mute holds at a time in microseconds."""
        return not self.revoked and now < self.ends


class Switch(NamedTuple):
    """A rule that somebody turned on or off."""

    rule: str
    is_on: bool
    changed: int
    changed_by: str


class AlertDecisionStore:
    """The statements on mutes and switches."""

    def __init__(self, database: Database) -> None:
        """Use the repository's connections."""
        self._database: Final = database
        self._statements: Final[Mapping[str, str]] = queries.load(database.dialect)

    def mutes(self, since: int = 0) -> list[Mute]:
        """Return the mutes that end after a time in microseconds, newest first."""
        return [_mute_of(row) for row in self._rows("list_mutes", (since,))]

    def insert_mute(self, mute: Mute) -> None:
        """Store a mute."""
        self._write("insert_mute", mute)

    def revoke_mute(self, identifier: bytes, now: int, reader: str) -> None:
        """End a mute now."""
        self._write("revoke_mute", (now, reader, identifier))

    def count_muted(self, cursor: Cursor, identifier: bytes, hits: int) -> None:
        """Add to the hits that a mute held back."""
        cursor.execute(queries.adapt(self._statements["count_muted"], self._database.dialect), (hits, identifier))

    def switches(self) -> dict[str, Switch]:
        """Return the rules that somebody switched."""
        rows = self._rows("list_switches")
        return {
            text_of(rule): Switch(text_of(rule), bool(is_on), changed, text_of(changed_by))
            for rule, is_on, changed, changed_by in rows
        }

    def switch_rule(self, switch: Switch) -> None:
        """Turn a rule on or off."""
        self._write("switch_rule", (switch.rule, int(switch.is_on), switch.changed, switch.changed_by))

    def _write(self, name: str, values: Sequence[Any]) -> None:
        with self._database.write() as cursor:
            cursor.execute(queries.adapt(self._statements[name], self._database.dialect), tuple(values))

    def _rows(self, name: str, values: Sequence[Any] = ()) -> Sequence[Row]:
        with self._database.read() as cursor:
            cursor.execute(queries.adapt(self._statements[name], self._database.dialect), tuple(values))
            return cursor.fetchall()


def _mute_of(row: Row) -> Mute:
    key, rule, cluster, namespace, actor, client, thing, ends, reason, made, made_by, revoked, revoked_by, hits = row
    texts = map(text_of, (rule, cluster, namespace, actor, client, thing))
    values = (ends, text_of(reason), made, text_of(made_by), revoked, text_of(revoked_by), hits)
    return Mute._make((bytes(key), *texts, *values))
