"""Batches as large as a kube-apiserver's flags allow, in small: all acknowledged and stored once, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.large_trials import MIB, flood, large_arena, large_events, send_largest, spool_largest
from tests.mariadb import MariaDB
from tests.trials import Arena

GROWTH = 110 * MIB
"""By how much all processes together may grow: 64 MiB are SQLite's own cache, which it fills once and keeps."""


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A MariaDB that may be stopped."""
    with MariaDB(tmp_path_factory.mktemp("victim")) as server:
        yield server


@pytest.fixture(params=["sqlite", "mariadb"])
def arena(request: pytest.FixtureRequest, tmp_path: Path) -> Arena:
    """A service on each engine."""
    return large_arena(Arena(tmp_path, request.getfixturevalue("victim") if request.param == "mariadb" else None))


def test_batch_of_100_mib_is_stored_once_in_a_fraction_of_its_memory(arena: Arena) -> None:
    verdict, seen = send_largest(arena, large_events(100, MIB))
    assert verdict.is_clean and verdict.stored == 100
    assert seen.memory < 250 * MIB and seen.memory - seen.memory_before < GROWTH


def test_spool_takes_and_files_a_batch_of_100_mib_in_a_fraction_of_its_memory(
    tmp_path: Path, victim: MariaDB
) -> None:
    verdict, seen = spool_largest(large_arena(Arena(tmp_path, victim, spool=True)), large_events(100, MIB))
    assert verdict.is_clean and verdict.stored == 100
    assert seen.memory - seen.memory_before < GROWTH


def test_burst_of_large_events_loses_nothing_and_holds_up_nobody(arena: Arena) -> None:
    verdict, seen = flood(arena, seconds=6, bytes_a_second=20_000_000, size=600_000)
    assert verdict.is_clean and arena.ledger.given_up == 0 and verdict.acknowledged == len(arena.ledger.sent)
    assert seen.memory - seen.memory_before < GROWTH and seen.health_seconds < 4
