"""An embedded database whose files are deleted or replaced under a running server: nothing acknowledged is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from audit_webhook.ingest.receive import receive
from audit_webhook.operate.doctor.database_file import check_file
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.sqlite.file import Seen
from tests.factories import NOON_US, audit_event, event_list
from tests.file_trial import BATCHES, SECONDS, Trial, audit_ids
from tests.mariadb import free_port
from tests.service import Service
from tests.serving import get, post
from tests.small_disk import MIB, SmallDisk


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    """A service with some batches."""
    made = Trial(tmp_path)
    yield made
    made.service.kill()


def move_over(trial: Trial) -> None:
    """Let a copy take the name of the database."""
    os.replace(trial.copy, trial.path)


def restore(trial: Trial) -> None:
    """Restore a copy as the documents say, but without stopping the service."""
    trial.delete("", "-wal", "-shm")
    shutil.copy(trial.copy, trial.path)


def move_away(trial: Trial) -> None:
    """Give the database another name."""
    trial.path.rename(trial.folder / "elsewhere.db")


MOVES: list[Callable[[Trial], None]] = [move_over, restore, move_away]
DELETED = [("",), ("-wal",), ("-shm",), ("-wal", "-shm"), ("", "-wal", "-shm"), ("", "-wal")]


@pytest.mark.parametrize("suffixes", DELETED, ids=lambda each: "+".join(suffix or "file" for suffix in each))
def test_deleted_files_lose_nothing_that_was_acknowledged(trial: Trial, suffixes: tuple[str, ...]) -> None:
    trial.delete(*suffixes)
    trial.post("meanwhile")
    trial.service.wait_until("/readyz", 200, SECONDS)
    assert trial.post("later") == BATCHES
    trial.restart()
    assert trial.stored() == set(trial.acknowledged)


@pytest.mark.parametrize("move", MOVES, ids=lambda each: each.__name__)
def test_replaced_file_loses_nothing_that_was_acknowledged(trial: Trial, move: Callable[[Trial], None]) -> None:
    move(trial)
    trial.post("meanwhile")
    trial.service.wait_until("/readyz", 200, SECONDS)
    assert trial.post("later") == BATCHES
    trial.restart()
    assert trial.stored() == set(trial.acknowledged)
    assert {f"later-{number}" for number in range(BATCHES)} <= audit_ids(trial.path)


def test_batch_is_refused_while_the_file_is_gone_and_the_reason_is_told(trial: Trial) -> None:
    trial.folder.rename(trial.folder.with_name("away"))
    assert trial.post("meanwhile") == 0
    trial.service.wait_until("/readyz", 503, SECONDS)
    assert "is gone" in trial.reason() and str(trial.path) in trial.reason()
    assert "is gone" in trial.service.log()
    trial.folder.with_name("away").rename(trial.folder)
    trial.service.wait_until("/readyz", 200, SECONDS)
    assert trial.post("later") == BATCHES
    trial.restart()
    assert trial.stored() == set(trial.acknowledged)


def test_folder_that_comes_back_empty_gets_all_that_was_stored(trial: Trial) -> None:
    shutil.rmtree(trial.folder)
    assert trial.post("meanwhile") == 0
    trial.folder.mkdir()
    trial.service.wait_until("/readyz", 200, SECONDS)
    trial.restart()
    assert trial.stored() == set(trial.acknowledged)


def test_file_that_was_cut_off_is_not_written_to(trial: Trial) -> None:
    with closing(sqlite3.connect(trial.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    trial.post("in the log")
    os.truncate(trial.path, 0)
    assert trial.post("meanwhile") == 0
    trial.service.wait_until("/readyz", 503, SECONDS)
    assert "was cut off" in trial.reason() or "restore a backup" in trial.reason()
    shutil.copy(trial.copy, trial.folder / "restored")
    os.replace(trial.folder / "restored", trial.path)
    trial.service.wait_until("/readyz", 200, SECONDS)
    before = len(trial.acknowledged)
    assert trial.post("later") == BATCHES and audit_ids(trial.path) >= set(trial.acknowledged[before:])
    assert "damaged" in trial.service.log()


def test_vacuum_by_hand_costs_nothing_that_was_acknowledged(trial: Trial) -> None:
    with closing(sqlite3.connect(trial.path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE filler AS SELECT randomblob(4000000) AS bytes")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        trial.post("between")
        connection.execute("DROP TABLE filler")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    trial.post("meanwhile")
    trial.service.wait_until("/readyz", 200, SECONDS)
    assert trial.post("later") == BATCHES
    trial.restart()
    assert trial.stored() == set(trial.acknowledged)


def test_server_that_is_stopped_right_after_a_deletion_saves_what_it_had(trial: Trial) -> None:
    trial.delete("", "-wal", "-shm")
    assert trial.post("meanwhile") == 0
    assert trial.service.terminate() == 0
    assert trial.stored() == set(trial.acknowledged)


def test_batches_go_into_the_spool_while_the_file_is_gone(tmp_path: Path) -> None:
    trial = Trial(tmp_path, SPOOL_DIR=str(tmp_path / "spool"), SPOOL_ON_TMPFS="true")
    try:
        trial.delete("", "-wal", "-shm")
        assert trial.post("meanwhile") == BATCHES
        trial.service.wait_until_drained(SECONDS)
        trial.restart()
        assert trial.stored() == set(trial.acknowledged)
    finally:
        trial.service.kill()


def test_pages_in_their_own_process_follow_the_server_to_the_new_file(tmp_path: Path) -> None:
    port = str(free_port())
    trial = Trial(tmp_path, UI_PORT=port)
    try:
        address = f"http://127.0.0.1:{port}/api/v1/events?limit=100"
        for suffixes in (("-wal", "-shm"), ("", "-wal", "-shm")):
            assert get(address).status == 200
            trial.delete(*suffixes)
            trial.post(f"meanwhile {len(suffixes)}")
            trial.service.wait_until("/readyz", 200, SECONDS)
            trial.post(f"later {len(suffixes)}")
            deadline = time.monotonic() + SECONDS
            while (answer := get(address)).status != 200 and time.monotonic() < deadline:
                time.sleep(0.1)
            shown = {event["audit_id"] for event in json.loads(answer.body)["events"]}
            assert {f"later {len(suffixes)}-{number}" for number in range(BATCHES)} <= shown
    finally:
        trial.service.terminate()
    assert trial.stored() == set(trial.acknowledged)


def test_second_server_on_one_file_takes_nothing_until_the_first_ends(trial: Trial, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    second = Service(tmp_path / "second", {"DB_PATH": str(trial.path)})
    try:
        second.start()
        second.wait_until("/readyz", 503, SECONDS)
        assert post(second.url, event_list([audit_event()])).status == 503
        assert "another server" in json.loads(get(f"{second.url}/readyz").body)["reason"]
        assert trial.post("first") == BATCHES
        trial.service.kill()
        second.wait_until("/readyz", 200, SECONDS)
        assert post(second.url, event_list([audit_event(auditID="second")])).status == 200
        assert second.terminate() == 0
    finally:
        second.kill()
    assert trial.stored() == {*trial.acknowledged, "second"}


def test_disk_that_turns_read_only_is_told_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "data", 64 * MIB) as disk:
        if not disk.is_mounted:
            return  # only root may mount; the code that looks at the flag is that of statvfs(3)
        trial = Trial(tmp_path)
        try:
            if subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=False).returncode:
                return
            trial.post("meanwhile")
            trial.service.wait_until("/readyz", 503, SECONDS)
            subprocess.run(["mount", "-o", "remount,rw", str(disk.folder)], check=True)
            trial.service.wait_until("/readyz", 200, SECONDS)
            assert trial.post("later") == BATCHES
            trial.restart()
            assert trial.stored() == set(trial.acknowledged)
        finally:
            trial.service.kill()


def test_look_at_the_files_costs_little_beside_a_commit(sqlite_repository: Repository) -> None:
    file = sqlite_repository.database.file
    assert file is not None
    body = event_list(audit_event(number) for number in range(50))
    began = time.process_time()
    receive(sqlite_repository, "prod", body, NOON_US)
    stored = time.process_time() - began
    began = time.process_time()
    for _ in range(100):
        file.check()
    assert (time.process_time() - began) / 100 < stored / 20


def signal_all(trial: Trial, number: signal.Signals) -> None:
    """Send a signal to every process that serves."""
    for process in trial.service.children():
        os.kill(process, number)


def test_file_that_grows_while_another_thread_looks_at_it_was_not_cut_off(
    sqlite_repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(sqlite_repository, "prod", event_list([audit_event()]), NOON_US)
    file = sqlite_repository.database.file
    assert file is not None
    look = file.look

    def look_slowly() -> Seen:
        seen = look()
        monkeypatch.setattr(file, "look", look)
        with file.path.open("ab") as opened:
            opened.write(bytes(4096))
        file.check()  # what the other thread does meanwhile
        return seen

    monkeypatch.setattr(file, "look", look_slowly)
    file.check()
    assert file.trouble == ""


def test_doctor_tells_of_a_file_that_the_server_has_not_open_and_of_kept_copies(trial: Trial) -> None:
    assert [finding.status for finding in check_file(trial.path)] == ["ok"]
    signal_all(trial, signal.SIGSTOP)  # so that it does not rescue the file before doctor has looked
    trial.folder.rename(trial.folder.with_name("away"))
    trial.folder.mkdir()
    os.link(trial.folder.with_name("away") / "audit.db-server", trial.folder / "audit.db-server")
    shutil.copy(trial.copy, trial.path)
    assert [finding.status for finding in check_file(trial.path)] == ["fail"]
    signal_all(trial, signal.SIGCONT)
    trial.service.wait_until("/readyz", 503, SECONDS)
    trial.service.wait_until("/readyz", 200, SECONDS)
    trial.service.kill()
    assert [finding.status for finding in check_file(trial.path)] == ["ok", "warn"]
    assert trial.stored() == set(trial.acknowledged)
