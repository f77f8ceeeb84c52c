"""Connections to an embedded database, and whether its open files still are the files of their names.

A file that was deleted or replaced stays open, and everything that is committed to it is gone when the process ends.
So device and inode of the database, of its write-ahead log and of its shared memory are compared with those of their
names before and after each transaction, which takes some microseconds. Nothing here ever opens these files itself:
closing them again would take SQLite's locks away (fcntl(2): a process loses its locks when it closes any descriptor).
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
from pathlib import Path
from typing import Final, NamedTuple

from audit_webhook.deadline import has_passed
from audit_webhook.errors import StoreMoved
from audit_webhook.storage.sqlite.claim import Files, Identity, ServerClaim

logger: Final = logging.getLogger(__name__)

LOCK_SECONDS: Final = 5
PAUSE_SECONDS: Final = 0.01
STEPS_BETWEEN_LOOKS: Final = 50_000
"""Instructions of SQLite's virtual machine, some milliseconds' worth, between two looks at the deadline of a query."""
SUFFIXES: Final = ("", "-wal", "-shm")
_NO_FILES: Final[Files] = (None, None, None)


class Seen(NamedTuple):
    """The files of the three names at a moment, and size and time of change of the database itself."""

    files: Files
    size: int
    changed: int


class SqliteConnection(sqlite3.Connection):
    """A connection that tells its file when it is closed."""

    file: SqliteFile | None = None

    def close(self) -> None:
        """Close it."""
        super().close()
        if self.file is not None:
            self.file.forget(self)


class SqliteFile:
    """One database file as this process has it open.

    ``trouble`` says what is wrong with it and what to do; it is empty while all is well.
    """

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self.path: Final = path
        self.claim: Final = ServerClaim(path)
        self.lock: Final = threading.RLock()
        self.trouble = ""
        self.is_served = False
        """Whether this process receives batches into it, and so is the one that mends it."""
        self.anchor: SqliteConnection | None = None
        """A connection that is kept for as long as the file is open: what is in a deleted file is reached by it alone.
        """
        self.files: Files = _NO_FILES
        self.size = 0
        self._names: Final = tuple(f"{path}{suffix}" for suffix in SUFFIXES)
        self._open: Final[weakref.WeakSet[SqliteConnection]] = weakref.WeakSet()

    def connect(self) -> SqliteConnection:
        """Open a connection in WAL mode, each commit of which is synced to the disk; raises StoreMoved."""
        with self.lock:
            if self.trouble:
                raise StoreMoved(self.trouble)
            if self.anchor is None:
                self.hold()
            self.check()
            connection = self._connect()
            try:
                self.check()
            except StoreMoved:
                connection.close()
                raise
            return connection

    def hold(self) -> None:
        """Open the files of these names, and remember which these are."""
        with self.lock:
            others = self.claim.files_of_another()
            if others is not None and others != self.look().files:
                raise StoreMoved(f"{self.path} is not the file that the running server has open; see its log")
            before = self.look().files[0]
            self.anchor = self._connect()
            seen = self.look()
            self.files, self.size = seen.files, seen.size
            if before is not None and before != seen.files[0]:
                self.let_go()
                raise StoreMoved(f"{self.path} was replaced while it was opened")
            self.claim.write(self.files)
            self.trouble = ""

    def let_go(self) -> None:
        """Close the connection that is kept."""
        anchor, self.anchor = self.anchor, None
        if anchor is not None:
            anchor.close()

    def close(self) -> None:
        """Close the connection that is kept, and give the claim back."""
        with self.lock:
            self.let_go()
            self.claim.give_back()

    def look(self) -> Seen:
        """Return what is there under the three names now."""
        main, log, memory = map(_stat, self._names)
        files = (_identity(main), _identity(log), _identity(memory))
        return Seen(files, main.st_size if main else 0, main.st_mtime_ns if main else 0)

    def check(self) -> None:
        """Raise StoreMoved unless the open files are those of their names."""
        if self.trouble:
            raise StoreMoved(self.trouble)
        files, size = self.files, self.size  # before the look: another thread may see the file grown behind it
        seen = self.look()
        if seen.size >= size and all(own in (None, now) for own, now in zip(files, seen.files, strict=True)):
            self.files, self.size = seen.files, seen.size
            return
        self.note(self._describe(seen))
        raise StoreMoved(self.trouble)

    def note(self, trouble: str) -> None:
        """Take notice of what is wrong, and say it once."""
        if trouble != self.trouble:
            logger.error("the database takes nothing: %s", trouble)
        self.trouble = trouble

    @property
    def connections(self) -> int:
        """How many connections are open beside the one that is kept."""
        return len(self._open) - (self.anchor is not None)

    def forget(self, connection: SqliteConnection) -> None:
        """Count a connection no more."""
        self._open.discard(connection)

    def _connect(self) -> SqliteConnection:
        connection = connect_sqlite(self.path)
        connection.file = self
        self._open.add(connection)
        return connection

    def _describe(self, seen: Seen) -> str:
        """Say what happened to the files, and what to do."""
        main, log, _ = seen.files
        advice = "what was stored is being saved; to replace a database, stop the service first"
        if not self.path.absolute().parent.is_dir():
            return f"the folder of {self.path} is gone, or its disk was unmounted: put it back"
        if main is None:
            return f"{self.path} was deleted or moved away while it was in use: {advice}"
        if main != self.files[0]:
            return f"{self.path} was replaced by another file while it was in use: {advice}"
        if seen.size < self.size:
            return f"{self.path} was cut off while it was in use: stop the service and restore a backup"
        what = "-wal" if log != self.files[1] else "-shm"
        return f"{self.path}{what} was deleted or replaced while it was in use: {advice}"


def connect_sqlite(path: Path) -> SqliteConnection:
    """Open the file in WAL mode, each commit synced to the disk."""
    connection = sqlite3.connect(
        path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False, factory=SqliteConnection
    )
    _enter_wal_mode(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -65536")
    connection.set_progress_handler(has_passed, STEPS_BETWEEN_LOOKS)
    connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchall()  # opens the log too
    return connection


def _enter_wal_mode(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL mode; of two that switch a new file at once, SQLite refuses one without any wait."""
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                connection.close()
                raise
            time.sleep(PAUSE_SECONDS)


def _stat(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)
    except OSError:
        return None


def _identity(found: os.stat_result | None) -> Identity | None:
    return (found.st_dev, found.st_ino) if found else None
