"""Nothing acknowledged is lost and nothing is stored twice, whatever fails: the real server, briefly.

`make soak` runs the same at length; docs/reliability.md has its results.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import disk_trials, trials
from tests.mariadb import MariaDB
from tests.small_disk import MIB, SmallDisk
from tests.trials import Arena


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A MariaDB that may be killed and frozen."""
    with MariaDB(tmp_path_factory.mktemp("victim")) as server:
        yield server


@pytest.fixture(params=["sqlite", "mariadb"])
def arena(request: pytest.FixtureRequest, tmp_path: Path) -> Arena:
    """A service on each engine."""
    return Arena(tmp_path, request.getfixturevalue("victim") if request.param == "mariadb" else None)


def test_service_killed_under_load_loses_nothing_it_acknowledged(arena: Arena) -> None:
    verdict = trials.kill_service(arena, kills=3)
    assert verdict.is_clean and verdict.acknowledged > 0


def test_database_killed_under_load_loses_nothing_that_was_acknowledged(tmp_path: Path, victim: MariaDB) -> None:
    verdict = trials.kill_database(Arena(tmp_path, victim), kills=2)
    assert verdict.is_clean and verdict.acknowledged > 0


def test_batch_whose_answer_was_lost_is_stored_once(arena: Arena) -> None:
    verdict = trials.lose_answers(arena, count=10)
    assert verdict.is_clean and verdict.acknowledged == verdict.stored == 4000
    assert arena.ledger.given_up == 0


def test_service_killed_while_it_spools_and_drains_loses_nothing(tmp_path: Path, victim: MariaDB) -> None:
    arena = Arena(tmp_path, victim, spool=True)
    verdict = trials.kill_while_spooling(arena, kills=2)
    assert verdict.is_clean and verdict.acknowledged > 0


def test_without_a_spool_an_outage_is_answered_at_once_and_survived_by_retries(
    tmp_path: Path, victim: MariaDB
) -> None:
    arena = Arena(tmp_path, victim)
    verdict = trials.outage(arena, seconds=2)
    refused = [answer for answer in arena.ledger.answers if answer.status == 503]
    assert verdict.is_clean and verdict.stored == len(arena.ledger.sent)
    assert refused and {answer.retry_after for answer in refused} == {"5"}
    assert statistics.median(answer.seconds for answer in refused) < 1


def test_with_a_spool_an_outage_is_not_noticed_by_the_sender(tmp_path: Path, victim: MariaDB) -> None:
    arena = Arena(tmp_path, victim, spool=True)
    verdict = trials.outage(arena, seconds=2)
    assert verdict.is_clean and verdict.stored == len(arena.ledger.sent)
    assert arena.ledger.statuses() == {200}


def test_database_that_hangs_is_answered_in_time_and_forgiven(tmp_path: Path, victim: MariaDB) -> None:
    arena = Arena(tmp_path, victim)
    verdict, slowest = trials.freeze(arena, seconds=6)
    assert verdict.is_clean and verdict.stored == len(arena.ledger.sent)
    assert 503 in arena.ledger.statuses() and arena.ledger.slowest() < 25
    assert slowest < 3


def test_spool_is_drained_twice_as_fast_as_batches_come_and_in_little_memory(tmp_path: Path, victim: MariaDB) -> None:
    arena = Arena(tmp_path, victim, spool=True)
    verdict, ratio, grown = trials.long_outage(arena, seconds=6, rate=1)
    assert verdict.is_clean and verdict.stored == len(arena.ledger.sent)
    assert arena.ledger.statuses() == {200}
    assert ratio >= 2 and grown < 50 * MIB


def test_two_services_share_one_spool(tmp_path: Path, victim: MariaDB) -> None:
    arena = Arena(tmp_path, victim, spool=True)
    verdict = trials.share_spool(arena, seconds=1)
    assert verdict.is_clean and verdict.stored == len(arena.ledger.sent) > 0
    assert arena.ledger.statuses() == {200}


def test_full_disk_under_sqlite_is_refused_and_recovers_without_a_restart(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "disk", 16 * MIB) as disk:
        arena = Arena(tmp_path, DB_PATH=str(disk.folder / "audit.db"))
        verdict = disk_trials.fill_disk(arena, disk)
    assert verdict.is_clean and arena.ledger.statuses() == {200, 503}


def test_full_disk_under_the_spool_is_refused_and_recovers_without_a_restart(tmp_path: Path, victim: MariaDB) -> None:
    with SmallDisk(tmp_path / "disk", 64 * MIB) as disk:
        arena = Arena(tmp_path, victim, spool=True, SPOOL_DIR=str(disk.folder / "spool"))
        verdict = disk_trials.fill_disk(arena, disk)
    assert verdict.is_clean and arena.ledger.statuses() == {200, 503}


def test_batch_whose_sync_failed_is_not_acknowledged_and_succeeds_later(tmp_path: Path, victim: MariaDB) -> None:
    arena = Arena(tmp_path, victim, spool=True, program=("-m", "tests.faulty_serve"))
    verdict = disk_trials.fail_syncs(arena, times=1)
    assert verdict.is_clean and arena.ledger.statuses() == {200, 503}


def test_broken_files_in_the_spool_stop_neither_the_start_nor_the_drain(arena: Arena) -> None:
    arena.service.settings["SPOOL_DIR"] = str(arena.folder / "spool")
    verdict, set_aside = disk_trials.drain_with_corrupt_files(arena, files=100)
    assert verdict.is_clean and verdict.stored == 500
    assert set_aside == 4


def test_lock_held_in_the_middle_of_a_batch_leaves_all_or_nothing(tmp_path: Path, victim: MariaDB) -> None:
    arena = Arena(tmp_path, victim)
    verdict, seen = trials.lock_rows(arena, seconds=6)
    assert verdict.is_clean and verdict.stored == 400
    assert seen <= {0, 1, 400} and arena.ledger.statuses() == {200}
    assert arena.ledger.slowest() > 5


def test_burst_after_an_outage_is_stored_whole(arena: Arena) -> None:
    verdict = trials.send_at_once(arena, count=900)
    assert verdict.is_clean and verdict.stored == len(arena.ledger.sent) == 18_000
    assert arena.ledger.statuses() <= {200, 429, 503} and arena.ledger.slowest() < 30


def test_same_batch_to_two_services_at_once_is_stored_once(tmp_path: Path, victim: MariaDB) -> None:
    arena = Arena(tmp_path, victim)
    verdict = trials.send_to_two(arena, count=60)
    assert verdict.is_clean and verdict.stored == 1200
    assert arena.ledger.statuses() == {200}
