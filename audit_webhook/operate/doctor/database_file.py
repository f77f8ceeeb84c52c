"""The file of an embedded database: is it the one that the running server writes, and was one saved beside it?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from audit_webhook.operate.doctor.finding import Finding, fail, ok, warn
from audit_webhook.storage.sqlite.file import SqliteFile

CHECK: Final = "database file"


def check_file(path: Path) -> Iterator[Finding]:
    """Look at a file that exists, without opening it."""
    file = SqliteFile(path)
    theirs = file.claim.files_of_another()
    if theirs is None:
        yield ok(CHECK, "no running server has it open")
    elif theirs == file.look().files:
        yield ok(CHECK, "it is the one that the running server writes")
    else:
        what = f"{path}, its -wal or its -shm is not the file that the running server has open: it takes nothing"
        yield fail(CHECK, what, "it mends this within seconds where it can; else its log and /readyz say what to do")
    for kept in sorted(path.absolute().parent.glob(f"{path.name}.replaced-*")):
        if not kept.name.endswith(("-wal", "-shm", "-server")):
            what = f"{kept} holds what was stored before another file was put in its place"
            yield warn(CHECK, what, f"look with DB_PATH={kept} audit-webhook search; delete it when nothing is missing")
