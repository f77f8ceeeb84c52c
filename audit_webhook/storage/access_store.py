"""What is kept of readers: sessions, API tokens and the record of what was read; raw SQL from ``sql/queries``."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from audit_webhook.storage import statements as queries
from audit_webhook.storage.database import Cursor, Database, Row
from audit_webhook.storage.text_columns import text_of

LONGEST_TARGET: Final = 1024


class Session(NamedTuple):
    """A login, by the hash of its cookie; times in microseconds, the MAC as `access.row_macs` makes it."""

    id: bytes
    username: str
    is_secure: bool
    made: int
    seen: int
    peer: str
    mac: bytes = b""


class Token(NamedTuple):
    """An API token, by its hash; times in microseconds, ``used`` is 0 before the first use, MAC as in a session."""

    id: bytes
    username: str
    label: str
    made: int
    ends: int
    used: int
    mac: bytes = b""


class Reading(NamedTuple):
    """What somebody read: the page or route, with its address; the id begins with the time in milliseconds."""

    id: bytes
    username: str
    way: str
    peer: str
    action: str
    target: str
    status: int

    @property
    def time(self) -> int:
        """When, in microseconds."""
        return int.from_bytes(self.id[:6], "big") * 1000


class AccessStore:
    """Sessions, tokens and readings, one method for each statement."""

    def __init__(self, database: Database) -> None:
        """Keep them in this database."""
        self._database: Final = database
        self._statements: Final = queries.load(database.dialect)

    def insert_session(self, session: Session) -> None:
        """Keep a new session."""
        self._write("insert_session", session)

    def find_session(self, identifier: bytes) -> Session | None:
        """Give a session, or None."""
        return next((_session(row) for row in self._read("find_session", (identifier,))), None)

    def touch_session(self, identifier: bytes, now: int) -> None:
        """Note that a session was in use."""
        self._write("touch_session", (now, identifier))

    def delete_session(self, identifier: bytes) -> None:
        """End a session."""
        self._write("delete_session", (identifier,))

    def delete_old_sessions(self, made: int, seen: int) -> None:
        """Forget the sessions that began before a time or were not in use since another."""
        self._write("delete_old_sessions", (made, seen))

    def sessions(self) -> list[Session]:
        """Give the sessions that were in use last."""
        return [_session(row) for row in self._read("sessions")]

    def count_try(self, identifier: bytes, now: int, expired: int) -> tuple[int, int]:
        """Count a try of a password; return how many there were since when, in microseconds.

        A count that began before ``expired`` begins anew.
        """
        with self._database.write() as cursor:
            cursor.execute(self._statements["count_try"], (identifier, now, expired, expired))
            return self._find_tries(cursor, identifier)

    def _find_tries(self, cursor: Cursor, identifier: bytes) -> tuple[int, int]:
        cursor.execute(self._statements["_find_tries"], (identifier,))
        ((tries, since),) = cursor.fetchall()
        return int(tries), int(since)

    def delete_old_tries(self, before: int) -> None:
        """Forget the counts that began before a time."""
        self._write("delete_old_tries", (before,))

    def undo_try(self, identifier: bytes) -> None:
        """Take back one try."""
        self._write("undo_try", (identifier,))

    def forget_tries(self, identifier: bytes) -> None:
        """Forget all tries of a kind."""
        self._write("forget_tries", (identifier,))

    def insert_token(self, token: Token) -> None:
        """Keep a new token."""
        self._write("insert_token", token)

    def find_token(self, identifier: bytes) -> Token | None:
        """Give a token, or None."""
        return next((_token(row) for row in self._read("find_token", (identifier,))), None)

    def touch_token(self, identifier: bytes, now: int) -> None:
        """Note that a token was in use."""
        self._write("touch_token", (now, identifier))

    def delete_token(self, identifier: bytes) -> None:
        """Make a token void."""
        self._write("delete_token", (identifier,))

    def tokens(self) -> list[Token]:
        """Give the tokens, newest first."""
        return [_token(row) for row in self._read("tokens")]

    def insert_reading(self, reading: Reading) -> None:
        """Record that something was read; what is too long is cut."""
        bounded = reading._replace(
            username=reading.username[:64], peer=reading.peer[:64], action=reading.action[:64],
            target=reading.target.encode("ascii", "backslashreplace")[:LONGEST_TARGET].decode("ascii"),
        )
        self._write("insert_reading", bounded)

    def readings(self, before: bytes, limit: int) -> list[Reading]:
        """Give what was read, newest first, before an id."""
        return [_reading(row) for row in self._read("readings", (before, limit))]

    def readings_of(self, username: str, before: bytes, limit: int) -> list[Reading]:
        """Give what one reader read, newest first, before an id."""
        return [_reading(row) for row in self._read("readings_of", (before, username, limit))]

    def _write(self, statement: str, parameters: Sequence[Any]) -> None:
        with self._database.write() as cursor:
            cursor.execute(self._statements[statement], tuple(parameters))

    def _read(self, statement: str, parameters: Sequence[Any] = ()) -> Sequence[Row]:
        with self._database.read() as cursor:
            cursor.execute(self._statements[statement], tuple(parameters))
            return cursor.fetchall()


def reading_id(now: int) -> bytes:
    """Give a new id for a reading at a time in microseconds."""
    return (now // 1000).to_bytes(6, "big") + secrets.token_bytes(10)


def _session(row: Row) -> Session:
    identifier, username, is_secure, made, seen, peer, mac = row
    return Session(
        bytes(identifier), text_of(username), bool(is_secure), int(made), int(seen), text_of(peer), bytes(mac)
    )


def _token(row: Row) -> Token:
    identifier, username, label, made, ends, used, mac = row
    return Token(bytes(identifier), text_of(username), text_of(label), int(made), int(ends), int(used), bytes(mac))


def _reading(row: Row) -> Reading:
    identifier, *texts, status = row
    username, way, peer, action, target = map(text_of, texts)
    return Reading(bytes(identifier), username, way, peer, action, target, int(status))
