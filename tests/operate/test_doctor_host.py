"""The doctor finds what is wrong with disk, spool and tokens on the machine, and says what to do about it."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from audit_webhook.access.authentication import HOUR
from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.operate.doctor.disk import judge_room
from audit_webhook.operate.doctor.finding import say_size
from tests.doctor import GIB, LONG_TOKEN, found, only


@pytest.mark.parametrize(
    ("free", "status"), [(100 * GIB, "warn"), (200 * 1024**2, "fail"), (101 * GIB, "ok")]
)
def test_disk_without_room_is_noticed(free: int, status: str) -> None:
    finding = judge_room("/data", free, 1010 * GIB if status == "ok" else 1001 * GIB)
    assert finding.status == status and say_size(free) in finding.what


def test_folder_of_the_database_that_is_missing_is_a_failure(sqlite_config: Config) -> None:
    assert only(replace(sqlite_config, db_path="/nowhere/audit.db"), "disk")[0] == "fail"


def spooling(config: Config, folder: Path, **changes: int) -> Config:
    """Give settings with a spool."""
    return replace(config, spool_dir=str(folder), **{"spool_max_bytes": 1024**2, **changes})


def test_spool_that_is_no_folder_is_a_failure(sqlite_config: Config, tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    assert only(spooling(sqlite_config, tmp_path / "spool"), "spool")[0] == "fail"


def test_spool_whose_disk_cannot_sync_is_a_failure(
    sqlite_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        status, what = only(spooling(sqlite_config, tmp_path), "spool")
    assert status == "fail" and "Input/output error" in what
    assert list(tmp_path.iterdir()) == []


def test_spool_in_memory_is_a_failure_in_production(sqlite_config: Config) -> None:
    config = replace(spooling(sqlite_config, Path("/dev/shm")), environment="production")
    status, what = only(config, "spool")
    assert status == "fail" and "tmpfs" in what


def test_spool_that_promises_more_than_its_disk_holds_is_noticed(sqlite_config: Config, tmp_path: Path) -> None:
    status, what = only(spooling(sqlite_config, tmp_path, spool_max_bytes=1024**5), "spool")
    assert status == "warn" and "SPOOL_MAX_BYTES is 1 PiB" in what


def test_what_waits_and_what_was_set_aside_is_noticed(sqlite_config: Config, tmp_path: Path) -> None:
    for folder in ("tmp", "new", "corrupt"):
        (tmp_path / folder).mkdir()
    (tmp_path / "corrupt" / "cut").write_bytes(b"x")
    (tmp_path / "new" / f"{now() - 3 * HOUR:017d}-0123").write_bytes(b"x")
    problems = found(spooling(sqlite_config, tmp_path), "spool")
    assert [status for status, _ in problems] == ["warn", "warn"]
    assert problems[0][1].endswith("not stored: 1") and "the oldest for 3 hours" in problems[1][1]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"prod": LONG_TOKEN}, []),
        ({"prod": "short"}, [("warn", "a token of prod has less than 24 characters and may be guessed")]),
        ({"prod": LONG_TOKEN, "dev": f"# old\n{LONG_TOKEN}\n"}, [("warn", "dev, prod have the same token")]),
        ({"prod": LONG_TOKEN, "My Cluster": LONG_TOKEN}, [("warn", "the file 'My Cluster' counts for nobody")]),
        ({"prod": LONG_TOKEN, "dev": "\n"}, [("warn", "the file 'dev' holds no token")]),
        ({}, [("fail", "nobody may send")]),
    ],
)
def test_tokens_of_clusters_are_looked_at(
    sqlite_config: Config, tmp_path: Path, files: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    folder = tmp_path / "tokens"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    problems = found(replace(sqlite_config, webhook_tokens_dir=str(folder)), "webhook tokens")
    assert [status for status, _ in problems] == [status for status, _ in expected]
    assert all(text in what for (_, what), (_, text) in zip(problems, expected, strict=True))


def test_common_token_that_may_be_guessed_is_noticed(sqlite_config: Config) -> None:
    assert only(replace(sqlite_config, webhook_token="secret"), "webhook tokens")[0] == "warn"
    assert only(sqlite_config, "webhook tokens")[0] == "warn"
