"""Lets one server at a time write an embedded database, and tells other processes which files it has open.

The claim is a lock (flock) on a small file beside the database, which the kernel gives back when the process ends,
however it ends. The file holds who has the claim, and device and inode of the database's files as that server opened
them: another process that finds other files under these names must not open them, because two logs of one database
would be written at once.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec

Identity = tuple[int, int]
"""Device and inode."""

Files = tuple[Identity | None, Identity | None, Identity | None]
"""A database, its log and its shared memory; None where there is no file of that name."""


class _Note(msgspec.Struct, frozen=True):
    process: int
    run: str
    files: Files


_RUN: Final = secrets.token_hex(16)
"""Tells this program's processes from those in another container, which may have the same numbers."""
_decode: Final = msgspec.json.Decoder(_Note).decode
SUFFIX: Final = "-server"


class ServerClaim:
    """The claim of this process on one database, taken or not."""

    def __init__(self, path: Path) -> None:
        """Take nothing yet; ``path`` is that of the database."""
        self._path: Final = Path(f"{path}{SUFFIX}")
        self._held: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this process has the claim, and its file is still the one of its name."""
        return self._held is not None and _is_file_of(self._held, self._path)

    def take(self) -> int | None:
        """Take the claim; return None, or the number of the process that has it, 0 for an unknown one. Raises OSError.

        Several applications of one process share its claim.
        """
        if self.is_held:
            return None
        self.give_back()
        opened = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note = _read(opened)
            os.close(opened)
            return None if note and _is_own(note) else note.process if note else 0
        self._held = opened
        return None

    def write(self, files: Files) -> None:
        """Write down which files this process has open; nothing when it has no claim."""
        if self._held is not None:
            content = msgspec.json.encode(_Note(os.getpid(), _RUN, files))
            os.pwrite(self._held, content, 0)
            os.ftruncate(self._held, len(content))

    def give_back(self) -> None:
        """Give the claim back."""
        held, self._held = self._held, None
        if held is not None:
            os.close(held)

    def files_of_another(self) -> Files | None:
        """Return the files that another process with the claim has open; None when there is no such process."""
        try:
            opened = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            note = _read(opened)
            return note.files if note and not _is_own(note) else None
        finally:
            os.close(opened)
        return None


def _is_own(note: _Note) -> bool:
    return (note.process, note.run) == (os.getpid(), _RUN)


def _is_file_of(opened: int, path: Path) -> bool:
    try:
        own, named = os.fstat(opened), os.stat(path)
    except OSError:
        return False
    return (own.st_dev, own.st_ino) == (named.st_dev, named.st_ino)


def _read(opened: int) -> _Note | None:
    try:
        return _decode(os.pread(opened, 4096, 0))
    except (msgspec.DecodeError, OSError):
        return None
