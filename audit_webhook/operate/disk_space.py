"""The room on the disks that the service writes to; that of a database server cannot be seen from here."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from audit_webhook.config import Config


class Room(NamedTuple):
    """Bytes that an ordinary user may still write, and bytes in all."""

    free: int
    size: int


def room_of(folder: Path) -> Room:
    """Measure the disk of a folder; raises OSError."""
    disk = os.statvfs(folder)
    return Room(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)


def measure_disks(config: Config) -> dict[str, Room]:
    """Measure the disks of an embedded database and of the spool, by these names; one that fails is left out."""
    folders = {} if config.db_host else {"database": Path(config.db_path).absolute().parent}
    if config.spool_dir:
        folders["spool"] = Path(config.spool_dir)
    rooms = {}
    for name, folder in folders.items():
        with suppress(OSError):
            rooms[name] = room_of(folder)
    return rooms
