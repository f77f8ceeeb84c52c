"""The spool: batches as files on a disk, for as long as the database cannot take them.

A file is written and synced in ``tmp``, then renamed into ``new``, and that folder is synced too: only then is a batch
acknowledged. What fails on the way is taken back and was never acknowledged; after a failed sync a file is never synced
again, because the kernel then calls pages clean that never reached the disk (Rebello et al., USENIX ATC 2020).
Nothing is ever evicted: a full spool takes no more until there is room again.
"""

from __future__ import annotations

import errno
import fcntl
import heapq
import logging
import os
import secrets
import stat
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from audit_webhook.config import Config
from audit_webhook.errors import ConfigError, SpoolUnavailable
from audit_webhook.storage.spool.batch_file import LINE_BYTES, BatchFile, CorruptBatchFile, length_of, unwrap, wrap

logger: Final = logging.getLogger(__name__)

FREE_SHARE: Final = 10
FREE_BYTES: Final = 256 * 1024**2
VOLATILE: Final = ("tmpfs", "ramfs")
LEFT_OVER_SECONDS: Final = 600
FAILED_SECONDS: Final = 4.0
COUNT_SECONDS: Final = 1.0
COUNT_SHARE: Final = 20
_DIGITS: Final = 17
# What no second try cures; anything else, such as a process without a file handle left, may pass.
_UNREADABLE: Final = {errno.EIO, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EUCLEAN}


class SpoolState(NamedTuple):
    """What waits: bytes, files, the age of the oldest in seconds; files set aside; and what this process drained."""

    bytes: int
    files: int
    oldest_seconds: float
    corrupt: int
    drained: dict[str, int]


class _Count(NamedTuple):
    taken: float
    cost: float
    bytes: int
    files: int
    oldest: str


class Spool:
    """A folder of batches that several processes may fill, and one at a time empties."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Use this folder for at most so many bytes; it is made when its parent is there. Raises OSError."""
        self._most = most_bytes
        self._temporary, self._new, self._corrupt = (folder / name for name in ("tmp", "new", "corrupt"))
        self._lock = threading.Lock()
        self._failed = float("-inf")
        self._drained: Counter[str] = Counter()
        for path in (folder, self._temporary, self._new, self._corrupt):
            _make_folder(path)
        self._remove_left_over()
        self._count = self._count_files()

    def write(self, batch_file: BatchFile) -> None:
        """Keep a batch durably; raises SpoolUnavailable, and then nothing of it is kept."""
        content = wrap(batch_file)
        self._reserve(len(content))
        try:
            self._place(f"{batch_file.received:0{_DIGITS}d}-{secrets.token_hex(8)}", content)
        except OSError as error:
            self._failed = time.monotonic()
            self._account(-len(content), -1)
            raise SpoolUnavailable(f"the spool's disk failed: {error}") from error

    def can_take(self) -> bool:
        """Whether the next batch would be taken, as far as can be told before."""
        with self._lock, suppress(SpoolUnavailable):
            return time.monotonic() - self._failed > FAILED_SECONDS and not self._is_full(0)
        return False

    def oldest(self, limit: int, without: Collection[str] = ()) -> list[str]:
        """Give the names of the files that wait longest, oldest first."""
        with os.scandir(self._new) as entries:
            return heapq.nsmallest(limit, (entry.name for entry in entries if entry.name not in without))

    def read(self, name: str) -> BatchFile | None:
        """Read a file; None when there is nothing to store: it is gone, or was corrupt and is now set aside.

        Raises OSError when a later try may succeed.
        """
        try:
            return unwrap(_read_whole(self._new / name))
        except FileNotFoundError:
            return None
        except CorruptBatchFile as error:
            self.set_aside(name, str(error))
        except OSError as error:
            if error.errno not in _UNREADABLE:
                raise
            self.set_aside(name, str(error))
        return None

    def remove(self, name: str, batch_file: BatchFile) -> None:
        """Take away a file whose batch is committed; should that be lost in a crash, it is stored again, as known."""
        path = self._new / name
        size = path.stat().st_size
        path.unlink()
        self._account(-size, -1)
        self._drained[batch_file.cluster] += len(batch_file.events) + len(batch_file.unread)

    def set_aside(self, name: str, reason: str) -> None:
        """Move what cannot be stored out of the way, for a person to look at."""
        logger.error("the spool's file %.80r is set aside in %s: %s", name, self._corrupt, reason)
        os.rename(self._new / name, self._corrupt / f"{name[:200]}.{secrets.token_hex(4)}")
        with self._lock:
            self._count = self._count_files()

    def state(self) -> SpoolState:
        """Give what an operator wants to see."""
        with self._lock:
            count = self._refreshed()
        return SpoolState(
            count.bytes, count.files, _age(count), len(os.listdir(self._corrupt)), dict(self._drained)
        )

    @contextmanager
    def sole(self) -> Iterator[bool]:
        """Give True to one process at a time, False to the others at once; the kernel frees it when a process dies."""
        handle = os.open(self._new, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield _try_lock(handle)
        finally:
            os.close(handle)

    def _place(self, name: str, content: bytes) -> None:
        temporary, final = self._temporary / name, self._new / name
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(final)
            _sync_folder(self._new)
        except OSError:
            for path in (temporary, final):
                with suppress(OSError):
                    path.unlink()
            raise

    def _reserve(self, size: int) -> None:
        """Count a file before it is written, so that threads cannot overrun the bound together."""
        with self._lock:
            if self._is_full(size):
                raise SpoolUnavailable("the spool is full")
            self._count = self._count._replace(bytes=self._count.bytes + size, files=self._count.files + 1)

    def _is_full(self, size: int) -> bool:
        try:
            disk = os.statvfs(self._new)
        except OSError as error:
            raise SpoolUnavailable(f"the spool's disk failed: {error}") from error
        kept_free = min(disk.f_blocks * disk.f_frsize // FREE_SHARE, FREE_BYTES)
        return self._refreshed().bytes + size >= self._most or disk.f_bavail * disk.f_frsize - size < kept_free

    def _account(self, size: int, files: int) -> None:
        with self._lock:
            self._count = self._count._replace(
                bytes=max(0, self._count.bytes + size), files=max(0, self._count.files + files)
            )

    def _refreshed(self) -> _Count:
        """Count anew what other processes changed too, at most for a twentieth of the time."""
        age = time.monotonic() - self._count.taken
        if age > max(COUNT_SECONDS, self._count.cost * COUNT_SHARE):
            self._count = self._count_files()
        return self._count

    def _count_files(self) -> _Count:
        began = time.monotonic()
        size, files, oldest = 0, 0, ""
        for folder in (self._temporary, self._new):
            with os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):  # renamed or drained while this loop looks
                        size += entry.stat(follow_symlinks=False).st_size
                        files += 1
                        oldest = min(oldest or entry.name, entry.name)
        ended = time.monotonic()
        return _Count(ended, ended - began, size, files, oldest)

    def _remove_left_over(self) -> None:
        """Remove what a killed process had begun to write and never acknowledged."""
        with os.scandir(self._temporary) as entries:
            for entry in entries:
                with suppress(OSError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > LEFT_OVER_SECONDS:
                        os.unlink(entry.path)


def _age(count: _Count) -> float:
    """Give how long the oldest batch has been waiting, in seconds; its name begins with when it was received."""
    received = count.oldest[:_DIGITS]
    return max(0.0, time.time() - int(received) / 1_000_000) if count.files and received.isdigit() else 0.0


def _read_whole(path: Path) -> bytes:
    """Read a regular file of the length that its first line tells; anything else is CorruptBatchFile."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe must not hold up the queue
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise CorruptBatchFile("it is no regular file")
        with open(handle, "rb", closefd=False) as file:
            head = file.read(LINE_BYTES)
            if length_of(head) != status.st_size:
                raise CorruptBatchFile("its length is not the one that was written down")
            return head + file.read()
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make_folder(path: Path) -> None:
    if not path.is_dir():
        path.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_system_of(folder: Path) -> str:
    """Give the kind of file system that a folder lies on, such as ``ext4``; empty when it is not known.

    The lines of ``mountinfo`` are described in proc(5).
    """
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines():
            mount, _, rest = line.partition(" - ")
            if mount.split()[2] == wanted:
                return rest.split()[0]
    return ""


def open_spool(config: Config) -> Spool | None:
    """Open the spool of the settings, if they name one; raises ConfigError when its folder cannot be used."""
    if not config.spool_dir:
        return None
    folder = Path(config.spool_dir)
    try:
        spool = Spool(folder, config.spool_max_bytes)
        kind = file_system_of(folder)
    except OSError as error:
        raise ConfigError(f"SPOOL_DIR={config.spool_dir!r} cannot be used: {error}") from error
    if kind in VOLATILE and not config.is_development:
        raise ConfigError(
            f"SPOOL_DIR={config.spool_dir!r} is on {kind}, which loses with the machine's power what was acknowledged. "
            "Name a folder on a disk, in Kubernetes a persistent volume."
        )
    return spool
