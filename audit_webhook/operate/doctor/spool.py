"""The spool's folder: can it be written and synced, has it room, and what waits in it."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from audit_webhook.config import Config
from audit_webhook.operate.disk_space import room_of
from audit_webhook.operate.doctor.finding import Finding, fail, ok, say_seconds, say_size, warn
from audit_webhook.storage.spool.spool import VOLATILE, Spool, file_system_of

CHECK: Final = "spool"
PROBE_BYTES: Final = 128 * 1024
SLOW_SYNC_SECONDS: Final = 1.0
WAITING_SECONDS: Final = 60
NETWORKED: Final = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.glusterfs"}
_FOLDERS: Final = ("tmp", "new", "corrupt")


def check_spool(config: Config) -> Iterator[Finding]:
    """Look at the folder of SPOOL_DIR, if there is one."""
    if not config.spool_dir:
        return
    folder = Path(config.spool_dir)
    try:
        is_made = all((folder / name).is_dir() for name in _FOLDERS)
        kind = file_system_of(folder if folder.exists() else folder.absolute().parent)
        place = folder / "tmp" if is_made else folder if folder.exists() else folder.absolute().parent
        seconds = _time_sync(place)
        yield from _judge_place(config, kind, seconds)
        yield _judge_room(config, *room_of(place))
        if is_made:
            yield from _judge_waiting(Spool(folder, config.spool_max_bytes), folder)
    except OSError as error:
        yield fail(CHECK, f"{folder} cannot be used: {error}", "name a folder that the service's user can write to")


def _time_sync(place: Path) -> float:
    """Write a file as a batch is written, sync it, remove it; give how many seconds the sync took. OSError."""
    path = place / f"doctor-{secrets.token_hex(8)}"
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(PROBE_BYTES))
            file.flush()
            began = time.monotonic()
            os.fsync(file.fileno())
            return time.monotonic() - began
    finally:
        with suppress(OSError):
            path.unlink()


def _judge_place(config: Config, kind: str, seconds: float) -> Iterator[Finding]:
    if kind in VOLATILE and not config.is_development:
        yield fail(
            CHECK, f"{config.spool_dir} is on {kind}, which loses with the machine's power what was acknowledged",
            "name a folder on a disk, in Kubernetes a persistent volume",
        )
    elif kind in NETWORKED:
        yield warn(
            CHECK, f"{config.spool_dir} is on {kind}, where a sync and a lock may not mean what they say",
            "name a folder on a local disk or a block device",
        )
    if seconds > SLOW_SYNC_SECONDS:
        yield warn(CHECK, f"a sync took {say_seconds(seconds)}: each spooled batch waits so long", "use a quicker disk")
    else:
        yield ok(CHECK, f"{config.spool_dir} can be written and synced, in {say_seconds(seconds)}")


def _judge_room(config: Config, free: int, total: int) -> Finding:
    what = f"its disk has {say_size(free)} free of {say_size(total)}, and SPOOL_MAX_BYTES is "
    what += say_size(config.spool_max_bytes)
    if free < config.spool_max_bytes:
        return warn(CHECK, what, "give it a larger disk, or lower SPOOL_MAX_BYTES to what is there")
    return ok(CHECK, what)


def _judge_waiting(spool: Spool, folder: Path) -> Iterator[Finding]:
    state = spool.state()
    if state.corrupt:
        yield warn(
            CHECK, f"set aside in {folder / 'corrupt'}, so that their events are not stored: {state.corrupt}",
            "see the log for the reason, and move what was repaired back into new/",
        )
    if state.files and state.oldest_seconds > WAITING_SECONDS:
        what = f"{state.files} batches wait in it, the oldest for {say_seconds(state.oldest_seconds)}"
        yield warn(CHECK, what, "see what is wrong with the database; they are stored when it is back")
