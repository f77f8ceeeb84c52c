"""What is in the spool is there for good, is found whole or set aside, and is never more than it may be."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_webhook.config import Config
from audit_webhook.errors import ConfigError, SpoolUnavailable
from audit_webhook.storage.spool.batch_file import BatchFile, CorruptBatchFile, Item, Unread, unwrap, wrap
from audit_webhook.storage.spool.spool import Spool, file_system_of, open_spool

MIB = 1024**2
ROOMY = 64 * MIB
PARCEL = BatchFile(
    "prod", 1_700_000_000_000_000,
    [Item(bytes(16), b'{"level":"Metadata"}'), Item(b"\xff" * 16, b'{"raw":"\xff\n"}')],
    [Unread(b"\x01" * 16, "not an object", 4, b"null")],
)


def batch_file(received: int, size: int = 100) -> BatchFile:
    """Give a batch of one event whose bytes do not compress."""
    return BatchFile("prod", received, [Item(os.urandom(16), os.urandom(size))], [])


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """An empty spool with room."""
    return Spool(tmp_path, ROOMY)


def test_parcel_comes_back_as_it_was() -> None:
    assert unwrap(wrap(PARCEL)) == PARCEL


def test_parcel_with_any_byte_changed_is_recognised() -> None:
    content = wrap(PARCEL)
    for position in range(len(content)):
        broken = bytearray(content)
        broken[position] ^= 0x11
        with pytest.raises(CorruptBatchFile):
            unwrap(bytes(broken))


def test_parcel_cut_anywhere_is_recognised() -> None:
    content = wrap(PARCEL)
    for length in range(len(content)):
        with pytest.raises(CorruptBatchFile):
            unwrap(content[:length])


def test_batches_come_back_oldest_first_and_whole(spool: Spool) -> None:
    parcels = [batch_file(received) for received in (3, 1, 2)]
    for one in parcels:
        spool.write(one)
    found = [spool.read(name) for name in spool.oldest(10)]
    assert found == [parcels[1], parcels[2], parcels[0]]


def test_spool_is_found_again_by_the_next_process(spool: Spool, tmp_path: Path) -> None:
    spool.write(PARCEL)
    again = Spool(tmp_path, ROOMY)
    (name,) = again.oldest(10)
    assert again.read(name) == PARCEL
    again.remove(name, PARCEL)
    assert again.oldest(10) == []


def test_state_tells_what_waits_and_what_was_drained(tmp_path: Path) -> None:
    read = batch_file(time.time_ns() // 1000 - 90_000_000, 5000)
    Spool(tmp_path, ROOMY).write(read)
    spool = Spool(tmp_path, ROOMY)
    waiting = spool.state()
    assert (waiting.files, waiting.corrupt, waiting.drained) == (1, 0, {})
    assert waiting.bytes > 5000 and 90 <= waiting.oldest_seconds < 120
    spool.remove(spool.oldest(1)[0], read)
    assert spool.state() == (0, 0, 0.0, 0, {"prod": 1})


FOREIGN = {
    "empty": b"", "truncated": wrap(PARCEL)[:-1], "longer": wrap(PARCEL) + b"x", "text": b"hello\nworld\n",
    "no line": b"x" * 5000, "other JSON": b'{"cluster":"prod"}\n', "a line too long": b" " * 2000 + wrap(PARCEL),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_file_that_is_no_batch_is_set_aside_and_counted(spool: Spool, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "new/00-foreign").write_bytes(content)
    assert spool.read("00-foreign") is None
    assert spool.oldest(10) == [] and spool.state().corrupt == 1
    (kept,) = (tmp_path / "corrupt").iterdir()
    assert kept.read_bytes() == content


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/etc/hostname", path)], ids=["pipe", "folder", "link"]
)
def test_thing_that_is_no_file_is_set_aside_without_hanging(
    spool: Spool, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "new/00-thing")
    assert spool.read("00-thing") is None
    assert spool.state().corrupt == 1


def test_file_that_is_gone_is_nothing_to_store(spool: Spool) -> None:
    assert spool.read("00-gone") is None
    assert spool.state().corrupt == 0


def test_full_spool_takes_no_more_evicts_nothing_and_recovers_by_itself(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MIB)
    written = 0
    with pytest.raises(SpoolUnavailable, match="full"):
        for written in range(100):
            spool.write(batch_file(written, 100_000))
    names = spool.oldest(100)
    assert len(names) == written == 10
    first = spool.read(names[0])
    assert first is not None
    spool.remove(names[0], first)
    assert spool.can_take()
    spool.write(batch_file(200, 100_000))


def test_threads_do_not_overrun_the_bound_together(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MIB)

    def fill() -> None:
        with pytest.raises(SpoolUnavailable):
            for number in range(100):
                spool.write(batch_file(number, 50_000))

    threads = [threading.Thread(target=fill) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert MIB // 2 < sum(path.stat().st_size for path in (tmp_path / "new").iterdir()) <= MIB


def test_disk_that_is_nearly_full_is_left_alone(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = list(os.statvfs("/"))
    disk[4] = 1  # f_bavail
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(disk))
    assert not spool.can_take()
    with pytest.raises(SpoolUnavailable):
        spool.write(PARCEL)


def failing_once(call: int) -> Callable[[int], None]:
    """Give a stand-in for fsync that fails at its n-th call: a failure that cannot be made otherwise."""
    calls = iter(range(1, 1000))
    real = os.fsync

    def fsync(handle: int) -> None:
        if next(calls) == call:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(handle)

    return fsync


@pytest.mark.parametrize("call", [1, 2], ids=["file", "folder"])
def test_batch_whose_sync_failed_is_not_kept_and_the_next_try_writes_a_new_file(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    monkeypatch.setattr(os, "fsync", failing_once(call))
    with pytest.raises(SpoolUnavailable):
        spool.write(PARCEL)
    assert not spool.can_take()
    assert [path for name in ("tmp", "new") for path in (tmp_path / name).iterdir()] == []
    spool.write(PARCEL)
    (name,) = spool.oldest(10)
    assert spool.read(name) == PARCEL


def test_one_process_at_a_time_drains(spool: Spool, tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from audit_webhook.storage.spool.spool import Spool\n"
        "with Spool(pathlib.Path(sys.argv[1]), 2**20).sole() as mine: print(mine)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with spool.sole() as mine:
        assert mine
        assert subprocess.check_output(command) == b"False\n"
    assert subprocess.check_output(command) == b"True\n"


def test_what_a_killed_process_had_begun_is_removed_when_it_is_old(tmp_path: Path) -> None:
    Spool(tmp_path, ROOMY)
    for name, age in (("old", 3600), ("young", 0)):
        path = tmp_path / "tmp" / name
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    Spool(tmp_path, ROOMY)
    assert os.listdir(tmp_path / "tmp") == ["young"]


def settings(folder: Path | str, environment: str = "production") -> Config:
    return Config.from_env({"ENVIRONMENT": environment, "WEBHOOK_TOKEN": "t", "SPOOL_DIR": str(folder)})


def test_without_the_setting_there_is_no_spool() -> None:
    assert open_spool(settings("")) is None


def test_folder_in_memory_is_refused_but_for_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit_webhook.storage.spool.spool.file_system_of", lambda folder: "tmpfs")
    with pytest.raises(ConfigError, match="tmpfs"):
        open_spool(settings(tmp_path))
    assert open_spool(settings(tmp_path, "development")) is not None


def test_kind_of_file_system_is_read_from_the_kernel() -> None:
    assert file_system_of(Path("/proc")) == "proc"


def test_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SPOOL_DIR="):
        open_spool(settings(tmp_path / "none/spool"))
