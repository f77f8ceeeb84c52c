"""Log files are imported whole: what the webhook brought is not doubled, and a bad line costs only itself."""

from __future__ import annotations

import gzip
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from audit_webhook.cli import main
from audit_webhook.config import Config
from audit_webhook.errors import StoreUnavailable
from audit_webhook.events.split import split
from audit_webhook.ingest.import_log import LogImport, Report, Watcher
from audit_webhook.ingest.log_files import LONGEST_LINE
from audit_webhook.ingest.receive import receive
from audit_webhook.ingest.text_reading import UNFINISHED, BadLine
from audit_webhook.search import feed
from audit_webhook.storage.repository import Repository, open_repository
from tests.factories import NOON_US, audit_event, encode, event_list
from tests.recorded import BATCHES

NOW = NOON_US + 3_600_000_000
PREFIX = b'{"kind":"Event","apiVersion":"audit.k8s.io/v1",'


def line(event: bytes | dict[str, Any]) -> bytes:
    """Write an event as the log backend does: with its kind and version at the front."""
    raw = event if isinstance(event, bytes) else encode(event)
    return PREFIX + raw[1:] + b"\n"


def read(repository: Repository, *paths: Path) -> tuple[Report, list[BadLine]]:
    """Import files and give the report and the bad lines."""
    bad: list[BadLine] = []
    watcher = Watcher(lambda report: None, bad.append)
    return LogImport(repository, "prod", NOW, watcher).run([str(path) for path in paths]), bad


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(lines))
    return path


def test_recorded_events_come_once_from_webhook_and_file(repository: Repository, tmp_path: Path) -> None:
    bodies = [gzip.decompress(path.read_bytes()) for path in BATCHES[:4]]
    stored = sum(receive(repository, "prod", body, NOW).stored for body in bodies)
    raws = [raw for body in bodies for raw in split(body).items]
    report, bad = read(repository, write(tmp_path / "audit.log", *map(line, raws)))
    assert (report.stored, report.duplicate, bad) == (0, len(raws), [])
    assert stored == len({*raws})


def test_items_of_a_batch_on_lines_of_their_own_are_the_same_events(repository: Repository, tmp_path: Path) -> None:
    events = [encode(audit_event(number)) for number in range(3)]
    read(repository, write(tmp_path / "audit.log", *map(line, events)))
    twice = events[0] + events[1]
    report, bad = read(repository, write(tmp_path / "items.log", *(raw + b"\n" for raw in (*events, twice))))
    assert (report.stored, report.duplicate, bad) == (0, 5, [])


def test_event_of_the_file_comes_once_when_the_webhook_is_late(repository: Repository, tmp_path: Path) -> None:
    events = [audit_event(number) for number in range(5)]
    report, _ = read(repository, write(tmp_path / "audit.log", *map(line, events[:3])))
    receipt = receive(repository, "prod", event_list(events), NOW)
    assert (report.stored, receipt.stored, receipt.duplicate) == (3, 2, 3)


def test_event_that_the_webhook_cut_is_kept_beside_its_whole_line_and_marked(
    repository: Repository, tmp_path: Path
) -> None:
    whole = audit_event(1, auditID="large", requestObject={"a": "b" * 1000})
    cut = {name: value for name, value in whole.items() if name != "requestObject"}
    cut["annotations"] = {**whole["annotations"], "audit.k8s.io/truncated": "true"}
    receive(repository, "prod", event_list([cut]), NOW)
    report, _ = read(repository, write(tmp_path / "audit.log", line(whole)))
    assert report.stored == 1
    found = feed.page(repository, "audit:large", None, 10, NOW).events
    assert sorted(event.truncated for event in found) == [False, True]
    assert len(feed.page(repository, "audit:large truncated:true", None, 10, NOW).events) == 1


def test_bad_line_is_named_and_costs_only_itself(sqlite_repository: Repository, tmp_path: Path) -> None:
    good = [line(audit_event(number)) for number in range(3)]
    path = write(
        tmp_path / "audit.log", good[0], b"I1123 not json\n", b"\n", good[1], good[2][:200] + b"\n", b"{}\n",
        good[2], PREFIX,
    )
    report, bad = read(sqlite_repository, path)
    assert (report.stored, report.bad_lines) == (3, 4)
    assert [(each.path, each.number) for each in bad] == [(str(path), number) for number in (2, 5, 6, 8)]
    assert all(each.reason for each in bad)


def test_every_file_of_a_folder_is_read_whatever_it_is_called(sqlite_repository: Repository, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    (folder / "kube-apiserver").mkdir(parents=True)
    old = folder / "audit-2026-11-22T00-00-00.000.log.gz"
    old.write_bytes(gzip.compress(line(audit_event(-9))) + gzip.compress(line(audit_event(-8))))
    write(folder / "audit.log.1", line(audit_event(-7)))
    write(folder / "kube-apiserver" / "audit.log-20261122", line(audit_event(-6)))
    (folder / "audit.log.zst").write_bytes(zstandard.compress(line(audit_event(0))))
    write(folder / "notes.txt", b"nothing\n")
    write(folder / "core", b"\x7fELF\0\0\0")
    report, bad = read(sqlite_repository, folder)
    assert (report.files, report.stored, len(bad)) == (6, 5, 1)
    assert {Path(file.path).name: file.is_understood for file in report.by_file if not file.events} == {
        "notes.txt": False, "core": True,
    }


@pytest.mark.parametrize("form", ["tar", "tar.gz", "zip"])
def test_archive_is_read_file_by_file(sqlite_repository: Repository, tmp_path: Path, form: str) -> None:
    first = write(tmp_path / "master-0.log", line(audit_event(1)))
    second = tmp_path / "master-1.log.gz"
    second.write_bytes(gzip.compress(line(audit_event(2))))
    path = tmp_path / f"must-gather.{form}"
    if form == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in (first, second):
                archive.write(file, f"audit_logs/{file.name}")
    else:
        with tarfile.open(path, "w:gz" if form == "tar.gz" else "w") as packed:
            for file in (first, second):
                packed.add(file, f"audit_logs/{file.name}")
    report, bad = read(sqlite_repository, path)
    assert (report.files, report.stored, bad) == (2, 2, [])
    assert report.by_file[1].path == f"{path}:audit_logs/master-1.log.gz"
    if form != "zip":
        path.write_bytes(path.read_bytes()[:-600] if form == "tar" else path.read_bytes()[:-40])
    else:
        path.write_bytes(path.read_bytes()[:-30])
    again, bad = read(sqlite_repository, path)
    assert again.stored == 0 and (form == "tar" or not all(file.is_understood for file in again.by_file))


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_name_in_an_archive_cannot_drive_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = write(tmp_path / "a.log", line(audit_event(1)), b"bad\n")
    with tarfile.open(tmp_path / "logs.tar", "w") as archive:
        archive.add(lines, "\x1b[2J\x9b31m\u202e\x7f.log")
    assert main(["import", "--cluster", "prod", *option, "logs.tar"]) == 0
    shown = capsys.readouterr()
    assert not set(shown.out + shown.err) & set("\x1b\x9b\u202e\x7f")


def test_file_that_is_still_written_is_read_up_to_its_last_whole_line(
    sqlite_repository: Repository, tmp_path: Path
) -> None:
    first, whole = line(audit_event(1)), line(audit_event(2))
    path = write(tmp_path / "audit.log", first, whole[:-40])
    report, bad = read(sqlite_repository, path)
    assert (report.stored, report.cut, [each.reason for each in bad]) == (1, 0, [UNFINISHED])
    write(path, first, whole)
    report, bad = read(sqlite_repository, path)
    assert (report.stored, report.duplicate, bad) == (1, 1, [])


def test_packed_file_that_breaks_off_gives_what_it_holds(sqlite_repository: Repository, tmp_path: Path) -> None:
    lines = b"".join(line(audit_event(number)) for number in range(2000))
    path = tmp_path / "audit.log.gz"
    path.write_bytes(gzip.compress(lines)[:-2000])
    report, bad = read(sqlite_repository, path)
    assert 0 < report.stored < 2000
    assert "damaged" in bad[-1].reason


def test_line_without_an_end_does_not_fill_the_memory(
    sqlite_repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LONGEST_LINE <= 64 * 1024**2
    monkeypatch.setattr("audit_webhook.ingest.log_files.LONGEST_LINE", 2000)
    path = write(tmp_path / "audit.log", b"x" * 9000 + b"\n", line(audit_event(1)))
    report, bad = read(sqlite_repository, path)
    assert report.stored == 1 and [each.number for each in bad] == [1]


def test_import_again_stores_nothing_twice(repository: Repository, tmp_path: Path) -> None:
    path = write(tmp_path / "audit.log", *(line(audit_event(number / 10)) for number in range(2500)))
    first, _ = read(repository, path)
    write(tmp_path / "more.log", path.read_bytes(), line(audit_event(900)))
    second, _ = read(repository, tmp_path / "more.log")
    assert (first.stored, second.stored, second.duplicate) == (2500, 1, 2500)


def test_secrets_of_a_file_are_masked_too(sqlite_repository: Repository, tmp_path: Path) -> None:
    secret = audit_event(
        1, objectRef={"resource": "secrets", "namespace": "shop", "name": "db", "apiVersion": "v1"},
        responseObject={"kind": "Secret", "apiVersion": "v1", "data": {"password": "aHVudGVyMg=="}},
    )
    read(sqlite_repository, write(tmp_path / "audit.log", line(secret)))
    assert feed.page(sqlite_repository, "body:aHVudGVyMg", None, 10, NOW).events == []
    assert len(feed.page(sqlite_repository, "body:password", None, 10, NOW).events) == 1


def test_store_that_is_away_is_said(tmp_path: Path) -> None:
    repository = open_repository(Config.from_env({"DB_HOST": "127.0.0.1", "DB_PORT": "1"}, is_serving=False))
    with pytest.raises(StoreUnavailable):
        read(repository, write(tmp_path / "audit.log", line(audit_event(1))))


def test_command_reports_and_needs_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WEBHOOK_TOKEN", raising=False)
    write(tmp_path / "audit.log", line(audit_event(1)), b"bad\x1b[31m\n")
    assert main(["import", "--cluster", "prod", "--json", "audit.log"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["stored"] == 1
    assert "audit.log:2: " in shown.err and "\x1b" not in shown.err
    assert main(["import", "--cluster", "No Such", "audit.log"]) == 2
    assert main(["import", "--cluster", "prod", "missing.log"]) == 2
