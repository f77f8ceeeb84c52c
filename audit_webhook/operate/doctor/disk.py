"""Room on the disks that this machine writes to; the disk of a database server cannot be seen from here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from audit_webhook.config import Config
from audit_webhook.operate.disk_space import room_of
from audit_webhook.operate.doctor.finding import Finding, fail, ok, say_size, warn

CHECK: Final = "disk"
LEAST_BYTES: Final = 256 * 1024**2
LEAST_SHARE: Final = 10
_ADVICE: Final = "make room: a larger disk, a smaller RETENTION_DAYS, or `audit-webhook prune`"


def check_disk(config: Config) -> Iterator[Finding]:
    """Look at the disk of an embedded database."""
    if config.db_host:
        yield ok(CHECK, f"the database's is the one of {config.db_host}, to be watched there")
        return
    folder = Path(config.db_path).absolute().parent
    try:
        free, total = room_of(folder)
    except OSError as error:
        yield fail(CHECK, f"the folder of DB_PATH cannot be used: {error}", "make it, or change DB_PATH")
        return
    yield judge_room(f"{folder} of the database", free, total)


def judge_room(whose: str, free: int, total: int) -> Finding:
    """Say whether there is room enough."""
    what = f"{whose} has {say_size(free)} free of {say_size(total)}"
    if free < LEAST_BYTES:
        return fail(CHECK, what, _ADVICE)
    return warn(CHECK, what, _ADVICE) if free * LEAST_SHARE < total else ok(CHECK, what)
