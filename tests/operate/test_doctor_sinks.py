"""The doctor says when those who are to be told of alerts are not, and metrics count the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audit_webhook.alerts.notifications.outbox import News
from audit_webhook.alerts.notifications.view import sample_sinks
from audit_webhook.alerts.stores import open_stores
from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.operate.sink_metrics import SinkSample
from audit_webhook.storage.repository import Repository
from tests.alerts.sink_story import MINUTE, an_alert, tell, webhook, write_sinks
from tests.doctor import found, only


def test_late_and_dead_messages_are_noticed_with_the_last_error(
    engine: Config, repository: Repository, tmp_path: Path
) -> None:
    shelf, store = write_sinks(tmp_path, webhook("hook", "http://h/")), open_stores(repository.database).outbox
    config = replace(engine, sinks_file=str(tmp_path / "sinks.toml"))
    assert found(config, "notifications") == []
    moment = now()
    tell(repository, shelf, moment - 10 * MINUTE, News(an_alert(1), 1, "hook"))
    assert found(config, "notifications") == []  # ten minutes late is not late yet
    tell(repository, shelf, moment - 90 * MINUTE, News(an_alert(2), 1, "hook"))
    assert only(config, "notifications") == ("warn", "2 messages to hook wait, the first one for 90 minutes")
    with repository.database.write() as cursor:
        message = store.next_message(cursor, "hook", moment)
        assert message is not None
        store.note_failed(cursor, message._replace(state="dead", error="it answered 500"), moment)
    (sample,) = sample_sinks(store, shelf, moment)
    assert sample == SinkSample("hook", 1, 1, 0, 1, pytest.approx(600, abs=1))
    said = found(config, "notifications")
    assert said == [("warn", "1 messages to hook failed for good: it answered 500")]


def test_message_that_waits_for_the_end_of_quiet_hours_is_not_late(repository: Repository, tmp_path: Path) -> None:
    shelf, store = write_sinks(tmp_path, webhook("hook", "http://h/")), open_stores(repository.database).outbox
    tell(repository, shelf, now() + 60 * MINUTE, News(an_alert(), 1, "hook"))
    assert sample_sinks(store, shelf, now()) == [SinkSample("hook", 1, 0, 0, 0, 0.0)]


def test_file_that_cannot_be_read_or_lists_nobody_is_noticed(sqlite_config: Config, tmp_path: Path) -> None:
    path = tmp_path / "sinks.toml"
    config = replace(sqlite_config, sinks_file=str(path))
    for text, said in ((None, "No such file"), ("[[sink", "nobody is told"), ("", "lists no sink")):
        if text is not None:
            path.write_text(text)
        status, what = only(config, "notifications")
        assert status == "warn" and said in what
