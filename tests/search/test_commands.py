"""The command line answers as programs and people expect: exit codes, JSON, nothing that disturbs a terminal."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from audit_webhook.cli import main
from audit_webhook.command_line import Bar, open_prepared
from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.errors import StoreMisconfigured
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.keys import make_or_read_keys
from audit_webhook.storage.repository import Repository, open_repository
from tests.factories import audit_event, event_list


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A SQLite store that commands find as their own, without any token."""
    monkeypatch.chdir(tmp_path)
    for name in ("WEBHOOK_TOKEN", "ENVIRONMENT", "DB_HOST", "DB_PATH"):
        monkeypatch.delenv(name, raising=False)
    repository = open_repository(Config.from_env({"DB_PATH": "audit.db"}, is_serving=False))
    repository.migrate()
    yield repository
    repository.close()


def send(store: Repository, *names: str) -> None:
    """Store an event for each user name, one a second."""
    items = [audit_event(number, user={"username": name}) for number, name in enumerate(names)]
    receive(store, "prod", event_list(items), now())


def test_search_prints_matches_newest_first(store: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    send(store, "alice", "bob", "alice")
    assert main(["search", "user:alice", "or", "user:bob"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines == sorted(lines, reverse=True)
    assert lines[1].startswith("2026-11-23 12:00:01Z  prod  200  bob ")


def test_search_as_json_gives_what_the_interface_gives(
    store: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    send(store, *["alice"] * 7)
    assert main(["search", "--json", "--limit", "5", "user:alice"]) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(documents) == 5 and documents[0]["user"] == "alice"


@pytest.mark.parametrize(("words", "found"), [
    (["-alice"], {"bob", "-n", "-x"}), (["-user:alice", "-bob"], {"-n", "-x"}), (['-"bob"'], {"alice", "-n", "-x"}),
    (["--json", "-alice", "-bob"], {"-n", "-x"}), (["-(user:alice or user:bob)"], {"-n", "-x"}),
    (["user:*", "--json", "-bob"], {"alice", "-n", "-x"}), (["-bob", "--json", "-alice"], {"-n", "-x"}),
    (["--json", "user:-x"], {"-x"}), (["-ns:bank", "-verb:delete", "-alice"], {"bob", "-n", "-x"}),
])
def test_query_may_begin_with_what_it_leaves_out(
    store: Repository, capsys: pytest.CaptureFixture[str], words: list[str], found: set[str]
) -> None:
    send(store, "alice", "bob", "-n", "-x")
    for command in (["search", "--limit", "5", *words], ["tail", *words, "-n", "50"]):
        assert main(command) == 0
        lines = capsys.readouterr().out.splitlines()
        users = {json.loads(line)["user"] if line[0] == "{" else line.split()[4] for line in lines}
        assert users == found, command


@pytest.mark.parametrize("words", [
    ["-bob", "--limit", "9", "--json", "-alice"], ["--limit=9", "-bob", "--js", "-alice"],
    ["--lim", "9", "--json", "--", "-bob", "-alice"],
    ["-bob", "-alice", "--json", "--limit", "9"],
])
def test_options_may_stand_anywhere_among_the_words(
    store: Repository, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    send(store, "alice", "bob", "-n", "-x")
    assert main(["search", *words]) == 0
    assert {json.loads(line)["user"] for line in capsys.readouterr().out.splitlines()} == {"-n", "-x"}


def test_search_that_finds_nothing_says_no(store: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "user:nobody"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", ["search", "tail"])
def test_mistake_is_shown_at_its_place(
    store: Repository, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, "user:alice", "vreb:get"]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert shown[1:3] == ["  user:alice vreb:get", "             ^^^^^"]
    assert "verb" in shown[3]


def test_no_line_can_move_the_cursor(store: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    send(store, "evil\x1b[2J\x1b]0;title\x07\n\u202e")
    assert main(["search"]) == 0
    line = capsys.readouterr().out
    assert line.count("\n") == 1 and not {"\x1b", "\x07", "\u202e"} & set(line)


def test_tail_prints_the_newest_in_their_order_and_follows(
    store: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(store, "one", "two", "three")
    turns = iter(("four", "five", ""))

    def arrive(seconds: float) -> None:
        name = next(turns)
        if not name:
            raise KeyboardInterrupt
        send(store, name)

    monkeypatch.setattr(time, "sleep", arrive)
    assert main(["tail", "-f", "-n", "2", "--json", "-user:nobody"]) == 0
    users = [json.loads(line)["user"] for line in capsys.readouterr().out.splitlines()]
    assert users == ["two", "three", "four", "five"]


@pytest.fixture
def unprepared(engine: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A database without any table, on each engine, that commands find as their own."""
    make_or_read_keys(tmp_path / "evidence.key")
    config = replace(engine, evidence_key_file=str(tmp_path / "evidence.key"))
    if not config.db_host:
        Path(config.db_path).touch()
    monkeypatch.setattr("audit_webhook.command_line.load_settings", lambda: config)
    return config


READING: Final = (["verify"], ["search", "user:alice"], ["tail"], ["prune", "--older-than", "9d", "--dry-run"])


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_command_that_reads_says_what_to_do_where_there_are_no_tables(
    unprepared: Config, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main(command) == 2
    advice = "run `audit-webhook migrate`, or start the server"
    assert capsys.readouterr() == ("", f"audit-webhook: the database has no tables yet: {advice}\n")
    repository = open_repository(unprepared)
    repository.migrate()
    repository.close()
    capsys.readouterr()
    assert main(command) != 2 or command == ["verify"]  # which has nothing signed to go by
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_command_that_reads_makes_no_file_where_there_is_none(
    sqlite_config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    command: list[str],
) -> None:
    make_or_read_keys(tmp_path / "evidence.key")
    config = replace(sqlite_config, evidence_key_file=str(tmp_path / "evidence.key"))
    monkeypatch.setattr("audit_webhook.command_line.load_settings", lambda: config)
    assert main(command) == 2
    assert f"there is no database '{config.db_path}': run `audit-webhook migrate`" in capsys.readouterr().err
    assert not Path(config.db_path).exists()


def test_what_is_no_database_is_not_taken_for_an_empty_one(unprepared: Config) -> None:
    if unprepared.db_host:
        wrong = replace(unprepared, db_password="wrong")
    else:
        Path(unprepared.db_path).write_bytes(b"somebody's notes " * 1000)
        wrong = unprepared
    with pytest.raises(StoreMisconfigured, match="Access denied|not a database"):
        open_prepared(wrong)


def test_bar_draws_only_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    file, terminal = io.StringIO(), Terminal()
    for stream in (file, terminal):
        bar = Bar(stream)
        bar.draw(0.5, "half")
        bar.clear()
    assert file.getvalue() == ""
    assert f"[{'#' * 15}{' ' * 15}]  50% half" in terminal.getvalue()
