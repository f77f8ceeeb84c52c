"""Delivery by several processes, killed or not: no message is missing, and one that comes twice has the same id."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from audit_webhook.alerts.notifications.delivery import Delivery
from audit_webhook.alerts.notifications.outbox import News
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.alerts.stores import open_stores
from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.storage.repository import open_repository
from tests.alerts.sink_server import OK, answering, body_of, listening, wait_until
from tests.alerts.sink_story import an_alert, store_alerts, tell, webhook, write_sinks
from tests.code_files import ROOT

KILLS = 20
MESSAGES = 300


def test_killed_twenty_times_nothing_is_missing_and_what_is_doubled_has_its_id(engine: Config, tmp_path: Path) -> None:
    repository = open_repository(engine)
    repository.migrate()
    with listening(answering(OK)) as server:
        shelf = write_sinks(tmp_path, webhook("one", server.url), webhook("two", server.url))
        alerts = [an_alert(number) for number in range(MESSAGES)]
        store_alerts(repository, alerts)
        tell(repository, shelf, now(), *(News(alert, 1, "one" if alert.id[-1] % 2 else "two") for alert in alerts))
        made = {each.id.hex(): each for each in open_stores(repository.database).outbox.messages("waiting", "", 1000)}
        subprocess.run(
            [sys.executable, "-m", "tests.alerts.killed_delivery", str(tmp_path / "sinks.toml"), str(KILLS), "17"],
            check=True, cwd=ROOT, env={**os.environ, **environment(engine)}, timeout=120,
        )
        received = [json.loads(body_of(each)) for each in server.received]
    assert open_stores(repository.database).outbox.counts() == {}
    repository.close()
    assert {alert["id"] for each in received for alert in each["alerts"]} == {alert.id.hex() for alert in alerts}
    assert {each["id"] for each in received} == made.keys() and len(made) == MESSAGES
    for each in received:
        assert [alert["id"] for alert in each["alerts"]] == [key.hex() for key in made[each["id"]].members]
    assert len(received) - len(made) <= 2 * KILLS  # at most what was on its way to each sink


def test_two_replicas_send_each_message_once(engine: Config, tmp_path: Path) -> None:
    with listening(answering(OK)) as server, ExitStack() as ended:
        shelf = write_sinks(tmp_path, webhook("one", server.url), webhook("two", server.url))
        repositories = [open_repository(engine) for _ in range(2)]
        repositories[0].migrate()
        for repository in repositories:
            ended.callback(repository.close)
            one = Delivery(repository.database, RuleShelf(""), shelf, "", now)
            one.first_pause = 0.0
            one.start()
            ended.callback(one.stop)
        alerts = [an_alert(number) for number in range(100)]
        store_alerts(repositories[0], alerts)
        for alert in alerts:
            for sink in ("one", "two"):
                tell(repositories[0], shelf, now(), News(alert, 1, sink))
        outbox = open_stores(repositories[1].database).outbox
        wait_until(lambda: outbox.counts() == {}, 30)
        ids = [json.loads(body_of(each))["id"] for each in server.received]
    assert len(ids) == len(set(ids)) == 200


def environment(config: Config) -> Mapping[str, Any]:
    """Return the settings as a process of its own takes them."""
    names = ("db_host", "db_port", "db_user", "db_password", "db_name", "db_path", "environment")
    return {"EVIDENCE_KEY_FILE": "none", **{name.upper(): str(getattr(config, name)) for name in names}}
