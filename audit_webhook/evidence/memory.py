"""Remembers the newest checkpoint in a file outside of the database, so that no older or other history is signed.

The file holds one checkpoint as a word (`Signed.token`). It is replaced atomically and synced, and only ever by a
later checkpoint or by one that resumes a history: several processes may share it, and each replica may have its own.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from audit_webhook.errors import KeyUnusable
from audit_webhook.evidence.checkpoints import BadCheckpoint, Signed, find_tokens, read

logger: Final = logging.getLogger(__name__)

SUFFIX: Final = ".last"


def default_path(key_file: str) -> Path | None:
    """Return the file beside a file of keys; None when nothing is signed."""
    return Path(key_file + SUFFIX) if key_file else None


class Memory:
    """The newest checkpoint that this machine, or at least this process, knows of."""

    def __init__(self, path: Path | None, may_write: bool = True) -> None:
        """Remember in this file; None, or who may not write it, remembers in this process alone."""
        self.path: Final = path
        self._may_write: Final = may_write and path is not None
        self._lock = threading.Lock()
        self._known: Signed | None = None
        self._has_failed = False

    def read(self) -> Signed | None:
        """Return what is remembered, None when nothing is; raises KeyUnusable when the file cannot be understood."""
        found = _read(self.path) if self.path is not None else None
        with self._lock:
            return _later(found, self._known)

    def write(self, signed: Signed) -> None:
        """Remember a checkpoint unless a later one is known; a file that cannot be written is logged once."""
        with self._lock:
            self._known = _later(signed, self._known)
        if self.path is None or not self._may_write:
            return
        try:
            with _locked(self.path.parent):
                if _later(signed, _read(self.path)) == signed:
                    _replace(self.path, signed.token.encode() + b"\n")
        except OSError as error:
            self._report(error)

    def _report(self, error: OSError) -> None:
        if not self._has_failed:
            self._has_failed = True
            logger.error(
                "the newest checkpoint cannot be remembered in %s: %s; until it can, a history that was signed before "
                "this process started could be replaced", self.path, error,
            )


def _read(path: Path) -> Signed | None:
    try:
        text = path.read_text("ascii", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyUnusable(f"the newest checkpoint cannot be read from {str(path)!r}: {error.strerror}") from error
    signed = next(find_tokens(text), None)
    if signed is None or _number(signed) == 0:
        advice = "restore it, or run `audit-webhook verify` and remove it"
        raise KeyUnusable(f"{str(path)!r} does not hold a checkpoint: {advice}")
    return signed


def _later(first: Signed | None, second: Signed | None) -> Signed | None:
    """Return the one with the greater number; of equal ones the second."""
    if first is None or second is None:
        return first or second
    return first if _number(first) > _number(second) else second


def _number(signed: Signed) -> int:
    try:
        return read(signed.body).number
    except BadCheckpoint:
        return 0


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let no other process replace a file of the folder meanwhile."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace(path: Path, content: bytes) -> None:
    """Replace a file; its owner stays, also when somebody else runs a command."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if os.geteuid() == 0:
                owner = (path if path.exists() else path.parent).stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
