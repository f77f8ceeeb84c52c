"""The trials of disks that are full, fail or hold broken files, as those of `tests.trials`."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audit_webhook.ingest.receive import read_batch
from audit_webhook.storage.spool.batch_file import BatchFile, Item, wrap
from audit_webhook.storage.spool.spool import Spool
from tests.apiserver import batches
from tests.factories import event_list
from tests.ledger import Verdict
from tests.service import Service
from tests.small_disk import SmallDisk
from tests.trials import READY_SECONDS, Arena


def fill_disk(arena: Arena, disk: SmallDisk) -> Verdict:
    """Fill the disk under load, wait until that is noticed, and make room again; the service is not restarted."""
    with arena.service:
        if "SPOOL_DIR" in arena.service.settings:
            arena.database.stop()
        with arena.load(events=200):
            time.sleep(0.3)
            disk.fill(arena.service)
            try:
                arena.service.wait_until("/readyz", 503, 30)
                arena.wait_for_answer(503)
            finally:
                disk.free(arena.service)
            arena.service.wait_until("/readyz", 200, READY_SECONDS)
        if "SPOOL_DIR" in arena.service.settings:
            arena.database.start()
            arena.service.wait_until_drained(60)
        return arena.judge()


def fail_syncs(arena: Arena, times: int) -> Verdict:
    """Let every sync of the spool fail for a moment, while the database is away; `tests.faulty_serve` must serve."""
    fault = arena.folder / "fsync"
    with arena.service:
        arena.database.stop()
        with arena.load():
            for _ in range(times):
                arena.service.wait_until("/readyz", 200, READY_SECONDS)
                fault.touch()
                arena.service.wait_until("/readyz", 503, READY_SECONDS)
                fault.unlink()
            arena.service.wait_until("/readyz", 200, READY_SECONDS)
        arena.database.start()
        arena.service.wait_until_drained(60)
        return arena.judge()


def fail_every_sync(arena: Arena, times: int) -> Verdict:
    """Let the kernel refuse every sync of the service for a moment; needs strace(1), and the right to use it."""
    with arena.service:
        with arena.load():
            for _ in range(times):
                arena.service.wait_until("/readyz", 200, READY_SECONDS)
                with failing_syncs(arena.service):
                    arena.service.wait_until("/readyz", 503, READY_SECONDS)
            arena.service.wait_until("/readyz", 200, READY_SECONDS)
        return arena.judge()


@contextmanager
def failing_syncs(service: Service) -> Iterator[None]:
    """Make every fsync and fdatasync of the service's process fail with EIO during the block."""
    calls = "fsync,fdatasync"
    tracer = subprocess.Popen([
        "strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO",
        *(option for number in service.children() for option in ("-p", str(number))),
    ])
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGINT)  # it lets go of the process and ends
        tracer.wait(30)


def drain_with_corrupt_files(arena: Arena, files: int) -> tuple[Verdict, int]:
    """Start on a spool with one file of each way to be broken among whole ones; give also how many were set aside."""
    folder = Path(arena.service.settings["SPOOL_DIR"])
    spool = Spool(folder, 1024**3)
    for number, batch in enumerate(batches(files, 5)):
        read = read_batch("prod", event_list(batch), number)
        events = [Item(item.id, item.raw) for item in read.events.values()]
        spool.write(BatchFile("prod", number, events, []))
        arena.ledger.note_sent(batch)
        arena.ledger.note_acknowledged(batch)
    whole = wrap(BatchFile("prod", files, [Item(bytes(16), b"{}")], []))
    flipped = whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
    for name, content in {"a": b"", "b": whole[:-5], "c": flipped, "d": b"foreign\n"}.items():
        (folder / "new" / f"{files // 2:017d}-{name}").write_bytes(content)
    with arena.service:
        arena.service.wait_until_drained(120)
    return arena.judge(), len(os.listdir(folder / "corrupt"))
