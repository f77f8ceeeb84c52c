"""Saves what was stored when the files of an embedded database are deleted or replaced while a server has them open.

The connection that a `SqliteFile` keeps still reaches all of it. A log without a name is written into the database
that has one; a database without a name is copied to its name again; and when another database stands there, the old one
is copied beside it before the new one is opened. Each copy is checked and synced before it gets its name.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from audit_webhook.storage.sqlite.file import SUFFIXES, Seen, SqliteFile

logger: Final = logging.getLogger(__name__)

MARGIN_BYTES: Final = 16 * 1024**2
_MAGIC: Final = b"SQLite format 3\0"


def follow(file: SqliteFile) -> bool:
    """Open the files that the running server has open, where they are those of their names; return whether they are.

    For processes beside the one that receives: they save nothing, and wait until that one has.
    """
    with file.lock:
        others = file.claim.files_of_another()
        if file.is_served or others is None or others != file.look().files or file.connections > 0:
            return False
        file.let_go()
        file.hold()
        return True


class _Damaged(Exception):
    """What is reached of the old database is not whole."""


class Rescue:
    """What a server does about its own database file, a look at a time."""

    def __init__(self, file: SqliteFile, close_idle: Callable[[], None]) -> None:
        """Watch this file; ``close_idle`` closes the connections of this process that are not in use."""
        self._file: Final = file
        self._close_idle: Final = close_idle
        self._last: Seen | None = None

    def step(self) -> None:
        """Do what is safe now; two looks must have seen the same, or somebody is still at it."""
        file, seen = self._file, self._file.look()
        last, self._last = self._last, seen
        if file.anchor is None or last != seen or not file.path.absolute().parent.is_dir():
            return
        if seen.files == file.files and seen.size >= file.size:
            self._reopen("its files are in their places again")
        elif seen.files[0] is None:
            self._put_back()
        elif seen.files[0] == file.files[0] and seen.size < file.size:
            self._mend()
        elif seen.files[0] != file.files[0]:
            self._change_over()
        else:
            self._write_back(seen)

    def _write_back(self, seen: Seen) -> None:
        """Write the log that lost its name into the database."""
        log = Path(f"{self._file.path}-wal")
        if seen.files[1] not in (None, self._file.files[1]) and log.stat().st_size:
            self._file.note(f"another program wrote {log} while it was in use: stop both, keep a copy, run verify")
            return
        if self._is_checkpointed():
            self._reopen("all of its log was written into it")

    def _is_checkpointed(self) -> bool:
        assert self._file.anchor is not None
        busy, pages, written = self._file.anchor.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        return not busy and pages == written

    def _put_back(self) -> None:
        """Copy the database that lost its name to its name."""
        try:
            copy = self._copy_to(Path(f"{self._file.path}.saved"))
        except _Damaged as error:
            self._file.note(f"what {self._file.path} held is damaged ({error}): restore a backup")
            return
        if copy is not None:
            self._remove_log(only_own=False)
            os.link(copy, self._file.path)  # fails when something stands there by now
            copy.unlink()
            _sync_folder(copy)
            self._reopen("a copy of all that was stored was put in its place")

    def _mend(self) -> None:
        """Go on with a file that became shorter when nothing of it is missing, as after VACUUM."""
        if self._is_checkpointed() and self._file.look().size >= self._pages_bytes() and self._is_sound():
            self._reopen("all of it is there")

    def _pages_bytes(self) -> int:
        assert self._file.anchor is not None
        ((pages,),) = self._file.anchor.execute("PRAGMA page_count").fetchall()
        ((size,),) = self._file.anchor.execute("PRAGMA page_size").fetchall()
        return int(pages * size)

    def _is_sound(self) -> bool:
        assert self._file.anchor is not None
        return self._file.anchor.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]

    def _change_over(self) -> None:
        """Keep a copy of the old database beside the one that stands in its place, and open that one."""
        path = self._file.path
        if not _is_database(path):
            self._file.note(f"{path} was replaced by something that is not a database: put the right file there")
            return
        try:
            copy = self._copy_to(Path(f"{path}.saved"))
        except _Damaged as error:
            self._remove_log(only_own=True)
            self._reopen(f"the file that stands in its place; what the old one held is damaged and lost: {error}")
            return
        if copy is not None:
            self._remove_log(only_own=True)
            kept = Path(f"{path}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
            os.replace(copy, kept)
            _sync_folder(kept)
            self._reopen(f"the file that stands in its place; what was stored before is in {kept}")

    def _copy_to(self, copy: Path) -> Path | None:
        """Copy what the kept connection reaches to a file; None when there is no room. Raises _Damaged, OSError."""
        assert self._file.anchor is not None
        copy.unlink(missing_ok=True)
        try:
            needed, disk = self._pages_bytes(), os.statvfs(copy.parent)
            if disk.f_bavail * disk.f_frsize < needed + MARGIN_BYTES:
                self._file.note(f"{copy.parent} has no room for {needed} bytes, a copy of what was stored: make room")
                return None
            with closing(sqlite3.connect(copy)) as target:
                self._file.anchor.backup(target)
                is_whole = target.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
        except sqlite3.DatabaseError as error:
            raise _Damaged(str(error)) from error
        if not is_whole:
            raise _Damaged("the check of the copy failed")
        _sync(copy)
        return copy

    def _remove_log(self, only_own: bool) -> None:
        """Remove log and shared memory of the old database, which the new one would be read with."""
        seen = self._file.look()
        for suffix, own, now in zip(SUFFIXES[1:], self._file.files[1:], seen.files[1:], strict=True):
            if now is not None and (now == own or not only_own):
                os.unlink(f"{self._file.path}{suffix}")

    def _reopen(self, how: str) -> None:
        """Open the files of these names, once nobody has the old ones open."""
        self._close_idle()
        if self._file.connections > 0:
            return
        self._file.let_go()
        self._file.hold()
        self._last = None
        logger.warning("the database is used again: %s", how)


def _is_database(path: Path) -> bool:
    """Whether a file that this process does not have open begins as a database does."""
    try:
        with path.open("rb") as opened:
            return opened.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _sync_folder(path: Path) -> None:
    _sync(path.absolute().parent)
