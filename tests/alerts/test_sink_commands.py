"""`audit-webhook sinks`: what an operator does about sinks without a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_webhook.alerts.notifications.outbox import News
from audit_webhook.alerts.stores import open_stores
from audit_webhook.cli import main
from audit_webhook.config import Config
from audit_webhook.storage.repository import Repository, open_repository
from tests.alerts.sink_server import OK, answering, body_of, listening
from tests.alerts.sink_story import an_alert, tell, webhook, write_sinks
from tests.factories import NOON_US

SECRET = "s3cret-s3cret"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A store of which the commands know, with a file of sinks that each test writes."""
    values = {
        "ENVIRONMENT": "development", "EVIDENCE_KEY_FILE": "none", "DB_PATH": str(tmp_path / "audit.db"),
        "SINKS_FILE": str(tmp_path / "sinks.toml"),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    repository = open_repository(Config.from_env(values))
    repository.migrate()
    yield repository
    repository.close()


def test_test_message_is_sent_at_once_and_its_outcome_is_told(
    store: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening(answering(OK, b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")) as server:
        write_sinks(tmp_path, webhook("hook", server.url, f'secret = "{SECRET}"'))
        assert main(["sinks", "test", "hook"]) == 0 and "took the test message" in capsys.readouterr().out
        assert main(["sinks", "test", "hook"]) == 1 and "it answered 500" in capsys.readouterr().out
    assert json.loads(body_of(server.received[0]))["kind"] == "test"
    assert main(["sinks", "test", "hook"]) == 1 and "refused" in capsys.readouterr().out
    assert main(["sinks", "test", "other"]) == 2 and "there is no sink other" in capsys.readouterr().err


def test_sinks_are_listed_and_dead_letters_sent_again(
    store: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = write_sinks(tmp_path, webhook("hook", f"https://example.com/{SECRET}"), webhook("new", "http://h/"))
    outbox = open_stores(store.database).outbox
    for number in range(1, 4):
        tell(store, shelf, NOON_US + number, News(an_alert(number), 1, "hook"))
    dead = outbox.messages("waiting", "hook", 10)[:2]
    with store.database.write() as cursor:
        for message in dead:
            outbox.note_failed(cursor, message._replace(state="dead", tries=12, error="it answered 500"), NOON_US)
    assert main(["sinks", "list"]) == 0
    out = capsys.readouterr().out
    assert "0 sent, 1 waiting, 2 dead" in out and "failing" in out and "not used yet" in out and SECRET not in out
    assert main(["sinks", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (found["where"], found["state"], found["last_error"]) == ("example.com", "failing", "it answered 500")
    assert main(["sinks", "dead", "--json"]) == 0
    ids = [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]
    assert ids == [each.id.hex() for each in dead]
    assert main(["sinks", "retry", ids[0]]) == 0 and "1 messages" in capsys.readouterr().out
    assert main(["sinks", "dead"]) == 0 and "12 tries: it answered 500" in capsys.readouterr().out
    assert main(["sinks", "retry", "hook"]) == 0 and main(["sinks", "retry", "hook"]) == 1
    assert main(["sinks", "dead"]) == 1 and len(outbox.messages("waiting", "", 10)) == 3


def test_file_that_cannot_be_used_is_told_with_sink_and_key(
    store: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sinks(tmp_path, webhook("hook", SECRET))
    assert main(["sinks", "list"]) == 1
    out = capsys.readouterr().out
    assert "sinks.toml: sink hook: url: is not an address" in out and SECRET not in out
    (tmp_path / "sinks.toml").write_text("")
    assert main(["sinks", "list"]) == 2 and "lists no sink" in capsys.readouterr().err
