"""Rules tried on what is stored find what they would have found, in the range that was asked for, and write nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from audit_webhook.alerts import replay as replaying
from audit_webhook.alerts.chunk_reader import ChunkReader, Possible
from audit_webhook.alerts.evaluation import Evaluation
from audit_webhook.alerts.replay import Found, Progress, replay
from audit_webhook.alerts.rule_files import built_in_rules, read_file
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.alerts.stores import open_stores
from audit_webhook.cli import main
from audit_webhook.config import Config
from audit_webhook.ingest.receive import receive
from audit_webhook.query import parse
from audit_webhook.storage.repository import Repository, open_repository
from audit_webhook.storage.search_sql import Span
from tests.alerts.sink_story import Clock
from tests.alerts.test_evaluation import FORBID, RULES, deletion
from tests.factories import NOON_US, audit_event, event_list
from tests.recorded import BATCHES

HOUR = 3600


@pytest.fixture
def rules_file(tmp_path: Path) -> Path:
    """The two rules of the tests of evaluation."""
    path = tmp_path / "own.toml"
    path.write_text(RULES)
    return path


def found_of(
    repository: Repository, path: Path, since: int = 0, until: int = 2**60, learning: int = 0
) -> dict[str, Found]:
    found = replay(repository, open_stores(repository.database), read_file(path), since, until, learning)
    return {each.rule.id: each for each in found}


def test_what_a_rule_would_have_found_is_counted_by_groups(repository: Repository, rules_file: Path) -> None:
    events = [deletion(), deletion(HOUR), deletion(2 * HOUR, name="other"), deletion(30 * HOUR, user="eve")]
    for event in events:
        receive(repository, "prod", event_list([event]), NOON_US)
    receive(repository, "prod", event_list([audit_event(5, verb="list")]), NOON_US)
    found = found_of(repository, rules_file)["secret-gone"]
    assert (found.alerts, found.hits, found.is_least) == (3, 4, False)
    assert found.actors == (("mallory", 3), ("eve", 1))
    assert [alerts for _, alerts in found.days] == [2, 1]
    assert [hit.event.name for hit in found.examples] == ["db", "other", "db"]


def test_thresholds_count_in_the_order_of_time_however_late_a_batch_came(
    repository: Repository, rules_file: Path
) -> None:
    for seconds in (400, 7 * HOUR, 0, 200):
        event = audit_event(seconds, user={"username": "eve"}, verb="get", **FORBID)
        receive(repository, "prod", event_list([event]), NOON_US)
    found = found_of(repository, rules_file)["many-denied"]
    assert (found.alerts, found.hits) == (1, 1)


def test_only_the_range_that_is_asked_for_is_looked_at(repository: Repository, rules_file: Path) -> None:
    receive(repository, "prod", event_list([deletion(hour * HOUR, name=f"n{hour}") for hour in range(10)]), NOON_US)
    since, until = NOON_US + 3 * HOUR * 1_000_000, NOON_US + 6 * HOUR * 1_000_000
    found = found_of(repository, rules_file, since, until)["secret-gone"]
    assert sorted(hit.event.name for hit in found.examples) == ["n3", "n4", "n5"] and found.hits == 3
    assert found_of(repository, rules_file, until, until)["secret-gone"].hits == 0


def test_replay_finds_what_evaluation_has_found(repository: Repository) -> None:
    stores, clock = open_stores(repository.database), Clock()
    one = Evaluation(repository, stores, RuleShelf(""), clock)
    one.work()
    for path in BATCHES[:12]:
        receive(repository, "prod", gzip.decompress(path.read_bytes()), clock.now)
    while one.evaluate():
        pass
    raised = {(alert.rule, alert.hits) for alert in stores.alerts.list_alerts(0, 2**62, 10_000)}
    rules = [rule for rule in built_in_rules() if rule.is_on and not (rule.threshold or rule.new or rule.sequence)]
    found = {each.rule.id: each for each in replay(repository, stores, rules, 0, 2**60, 0) if each.hits}
    simple = {rule.id for rule in rules}
    assert raised and found.keys() == {rule for rule, _ in raised if rule in simple}
    for rule, each in found.items():
        assert each.hits == sum(hits for name, hits in raised if name == rule) or each.alerts > 1


def test_replay_writes_nothing_and_can_be_stopped(repository: Repository, rules_file: Path) -> None:
    for seconds in range(3):
        receive(repository, "prod", event_list([deletion(seconds * HOUR)]), NOON_US)

    def stop(progress: Progress) -> None:
        assert 0 < progress.share <= 1
        raise KeyboardInterrupt

    stores = open_stores(repository.database)
    with pytest.raises(KeyboardInterrupt):
        replay(repository, stores, read_file(rules_file), 0, 2**60, 0, stop)
    assert found_of(repository, rules_file)["secret-gone"].hits == 3
    assert stores.alerts.list_alerts(0, 2**62, 10) == [] and stores.progress.positions() == {}


def test_numbers_beyond_what_is_told_apart_are_at_least(
    sqlite_repository: Repository, rules_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "MOST_REMEMBERED", 5)
    receive(sqlite_repository, "prod", event_list([deletion(n, name=f"n{n}") for n in range(9)]), NOON_US)
    found = found_of(sqlite_repository, rules_file)["secret-gone"]
    assert (found.alerts, found.is_least, found.hits) == (5, True, 9)


def test_command_prints_rules_people_and_examples(
    sqlite_config: Config, rules_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = open_repository(sqlite_config)
    repository.migrate()
    receive(repository, "prod", event_list([deletion(user="mal\x1blory")]), NOON_US)
    repository.close()
    settings = {"ENVIRONMENT": "development", "EVIDENCE_KEY_FILE": "none", "DB_PATH": sqlite_config.db_path}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    asked = ["rules", "replay", str(rules_file), "--since", "3650d", "--learning", "0"]
    assert main(asked) == 0
    printed = capsys.readouterr().out
    assert "1 alerts" in printed and "secret-gone" in printed and "deleted secret db in shop" in printed
    assert "\x1b" not in printed and "1 rules found nothing" in printed
    assert main([*asked, "--json"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (first["rule"], first["alerts"], first["hits"]) == ("secret-gone", 1, 1) and len(first["days"]) == 1
    assert main(["rules", "replay", "--since", "nonsense"]) == 2


def test_only_batches_that_may_hold_a_match_are_read(
    repository: Repository, rules_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Span] = []

    class Watched(ChunkReader):
        def read(self, span: Span) -> Iterator[Possible]:
            read.append(span)
            return super().read(span)

    monkeypatch.setattr(replaying, "ChunkReader", Watched)
    for hour, event in enumerate((audit_event(verb="list"), deletion(HOUR), audit_event(2 * HOUR, verb="list"))):
        receive(repository, "prod", event_list([event]), NOON_US + hour)
    stores, rules = open_stores(repository.database), read_file(rules_file)
    (gone,) = replay(repository, stores, [rule for rule in rules if rule.id == "secret-gone"], 0, 2**60, 0)
    assert (gone.hits, len(read)) == (1, 1)
    noted = replace(rules[0], id="noted", query="", node=parse("annotation.example.com/note:bad", 0))
    found = replay(repository, stores, [*rules, noted], 0, 2**60, 0)
    assert {each.rule.id: each.hits for each in found} == {"secret-gone": 1, "many-denied": 0, "noted": 0}
    assert len(read) == 1 + 3
