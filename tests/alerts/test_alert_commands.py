"""`audit-webhook alerts` and `rules noise`: what an operator does without a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit_webhook.alerts.evaluation import Evaluation
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.alerts.stores import open_stores
from audit_webhook.cli import main
from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.repository import open_repository
from tests.factories import audit_event, encode, event_list
from tests.recorded import BATCHES


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Settings of a store in which one alert was found."""
    values = {"ENVIRONMENT": "development", "EVIDENCE_KEY_FILE": "none", "DB_PATH": str(tmp_path / "audit.db")}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    config = Config.from_env(values)
    repository = open_repository(config)
    repository.migrate()
    one = Evaluation(repository, open_stores(repository.database), RuleShelf(""), now)
    one.work()
    target = {"resource": "configmaps", "namespace": "kube-system", "name": "coredns"}
    receive(repository, "prod", event_list([audit_event(verb="patch", objectRef=target)]), now())
    one.work()
    repository.close()
    return config


def test_alert_is_listed_acknowledged_and_closed_with_a_reason(
    settings: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["alerts", "list", "--json", "--days", "3650"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rule"], found["severity"], found["state"]) == ("cluster-dns-changed", "high", "open")
    assert (found["actor"], found["object"]) == ("alice", "configmaps kube-system/coredns")
    assert main(["alerts", "acknowledge", found["id"], "--user", "bob"]) == 0
    assert main(["alerts", "close", found["id"]]) == 2 and "reason is needed" in capsys.readouterr().err
    assert main(["alerts", "close", found["id"], "--reason", "planned", "--user", "bob", "--json"]) == 0
    closed = json.loads(capsys.readouterr().out)
    assert (closed["state"], closed["reason"]) == ("closed", "planned")
    assert main(["alerts", "list", "--days", "3650", "--state", "active"]) == 1
    assert main(["alerts", "list", "--days", "3650", "--state", "closed"]) == 0
    assert "The configuration of the cluster's DNS was changed" in capsys.readouterr().out
    repository = open_repository(settings)
    notes = open_stores(repository.database).alerts.notes_of(bytes.fromhex(found["id"]))
    repository.close()
    assert [(note.author, note.action, note.note) for note in notes] == [
        ("bob", "acknowledged", ""), ("bob", "closed", "planned")]


def test_alert_that_is_not_there_is_told(settings: Config, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "show", "0" * 32]) == 1 and "there is no alert" in capsys.readouterr().out
    assert main(["alerts", "show", "x"]) == 2 and main(["alerts", "list", "--state", "odd"]) == 2
    assert main(["alerts", "list", "--days", "0"]) == 2


def test_recordings_of_a_cluster_at_work_are_quiet(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["rules", "noise", "--events", *map(str, BATCHES)]) == 0
    *rules, total = capsys.readouterr().out.splitlines()
    events, alerts = (int(word.replace(",", "")) for word in (total.split()[0], total.split()[-2]))
    assert events > 500 and alerts <= 15, rules
    target = {"resource": "configmaps", "namespace": "kube-system", "name": "coredns"}
    lines = [encode(audit_event(verb="patch", objectRef=target)) for _ in range(2)]
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(lines))
    assert main(["rules", "noise", "cluster-dns-changed", "--events", str(path)]) == 0
    assert "1 alerts        2 hits  cluster-dns-changed" in capsys.readouterr().out
