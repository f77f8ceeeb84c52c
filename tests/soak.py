"""``make soak``: the trials of `tests.trials` at length, with their results as the table of docs/reliability.md."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests import deployed, disk_trials, galera_trials, large_trials, trials
from tests.galera import Galera
from tests.galera_trials import ClusterArena
from tests.ledger import Verdict
from tests.mariadb import MariaDB
from tests.small_disk import MIB, SmallDisk
from tests.trials import Arena


class Trial(NamedTuple):
    """One row of the table: what was done, and how to do it; that gives in words what was seen beside the verdict."""

    what: str
    run: Callable[[Path, MariaDB], tuple[Arena, Verdict, str]]


def main() -> int:
    """Run the trials and print the table; exit 1 when one is not clean."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="repeat everything so much more or less often")
    parser.add_argument("--only", default="", help="run only trials whose name contains this")
    parser.add_argument("--base-image", default="", help="build the image on this, not on one made by debootstrap")
    chosen = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC):%F}\n")
    print("| trial | sent | acknowledged | missing | twice | altered | given up | seen | seconds |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder, MariaDB(Path(folder)) as server:
        planned = _trials(chosen.scale) + _deployments(chosen.scale, chosen.base_image)
        clean = [_report(trial, Path(folder), server) for trial in planned if chosen.only in trial.what]
    return 0 if all(clean) else 1


def _report(trial: Trial, folder: Path, server: MariaDB) -> bool:
    began = time.monotonic()
    arena, verdict, seen = trial.run(folder, server)
    ledger = arena.ledger
    numbers = (
        len(ledger.sent), verdict.acknowledged, verdict.missing, verdict.twice, verdict.altered, ledger.given_up,
    )
    columns = (trial.what, *(f"{number:,}" for number in numbers), seen, f"{time.monotonic() - began:.0f}")
    print(f"| {' | '.join(columns)} |", flush=True)
    return verdict.is_clean


def _trials(scale: float) -> list[Trial]:
    def times(count: int) -> int:
        return max(1, round(count * scale))

    kills, few, outage, freeze = times(100), times(20), times(60), times(60)
    return [
        Trial(f"kill -9 of the service, {kills} times, SQLite", _plain(trials.kill_service, kills, False)),
        Trial(f"kill -9 of the service, {kills} times, MariaDB", _plain(trials.kill_service, kills)),
        Trial(f"kill -9 of mariadbd, {few} times", _plain(trials.kill_database, few)),
        Trial(f"answer lost after the commit, {kills} batches, SQLite", _plain(trials.lose_answers, kills, False)),
        Trial(f"answer lost after the commit, {kills} batches, MariaDB", _plain(trials.lose_answers, kills)),
        Trial(f"database away {outage} s, no spool", _away(outage)),
        Trial(f"database away {outage} s, spool", _long_outage(outage)),
        Trial(
            f"kill -9 of the service while it spools, {kills} times, and drains, {kills} times",
            _plain(trials.kill_while_spooling, kills, spool=True),
        ),
        Trial(
            f"two services fill one spool for {times(10)} s and empty it",
            _plain(trials.share_spool, times(10), spool=True),
        ),
        Trial("disk of SQLite full", _full_disk(False)),
        Trial("disk of the spool full", _full_disk(True)),
        Trial(f"EIO from every fsync of the spool, {few} times", _failing_syncs(few)),
        Trial(f"EIO from every fsync of SQLite, {few} times", _plain(disk_trials.fail_every_sync, few, False)),
        Trial("4 broken files among 1,000 in the spool, SQLite", _corrupt(False)),
        Trial("4 broken files among 1,000 in the spool, MariaDB", _corrupt(True)),
        Trial("locks held for 6 s in the middle of a batch", _locked),
        Trial(f"database frozen (SIGSTOP) {freeze} s", _frozen(freeze)),
        Trial("900 batches at once, SQLite", _plain(trials.send_at_once, 900, False)),
        Trial("900 batches at once, MariaDB", _plain(trials.send_at_once, 900)),
        Trial(
            f"same batch to two services at once, {times(1000)} times", _plain(trials.send_to_two, times(1000))
        ),
        *_large_trials(times(400), times(60)),
        *_galera_trials(times(10), times(5), times(1000)),
    ]


def _large_trials(mebibytes: int, seconds: int) -> list[Trial]:
    def send(arena: Arena) -> tuple[Verdict, large_trials.Seen]:
        return large_trials.send_largest(arena, large_trials.large_events(mebibytes, MIB))

    def spool(arena: Arena) -> tuple[Verdict, large_trials.Seen]:
        return large_trials.spool_largest(arena, large_trials.large_events(mebibytes, MIB))

    def flood(arena: Arena) -> tuple[Verdict, large_trials.Seen]:
        return large_trials.flood(arena, seconds, 30_000_000, 600_000)

    batch, rate = f"a batch of {mebibytes} MiB, cut off, whole and again", f"30 MB/s of 600 KB events for {seconds} s"
    return [
        Trial(f"{batch}, SQLite", _large(send, False)), Trial(f"{batch}, MariaDB", _large(send)),
        Trial(f"a batch of {mebibytes} MiB while the database is away", _large(spool, spool=True)),
        Trial(f"{rate}, SQLite", _large(flood, False)), Trial(f"{rate}, MariaDB", _large(flood)),
    ]


def _large(
    run: Callable[[Arena], tuple[Verdict, large_trials.Seen]], on_mariadb: bool = True, spool: bool = False
) -> Callable[[Path, MariaDB], tuple[Arena, Verdict, str]]:
    def trial(folder: Path, server: MariaDB) -> tuple[Arena, Verdict, str]:
        arena = large_trials.large_arena(Arena(folder, server if on_mariadb else None, spool=spool))
        verdict, seen = run(arena)
        memory = f"memory of all processes {seen.memory_before / MIB:.0f} MiB, at most {seen.memory / MIB:.0f} MiB"
        return arena, verdict, f"{_seen(arena)}; {memory}; slowest /healthz {seen.health_seconds:.2f} s"

    return trial


def _deployments(scale: float, base: str) -> list[Trial]:
    count = max(2, round(1000 * scale))
    return [
        Trial("image built, run read-only without capabilities, stopped twice", deployed.run_image(base)),
        Trial(f"{count} batches on one connection behind nginx", deployed.idle_behind_nginx(100, count)),
    ]


def _galera_trials(many: int, few: int, batches: int) -> list[Trial]:
    faults = [
        (f"kill -9 of the node in use, {many} times", galera_trials.kill_used_node, many),
        (f"kill -9 of any node, {many} times", galera_trials.kill_any_node, many),
        (f"kill -9 of two nodes at once, {few} times", galera_trials.kill_two_nodes, few),
        (f"the node in use cut off from the others, {few} times", galera_trials.part_used_node, few),
        (f"rolling restart of all nodes, {few} times", galera_trials.restart_all, few),
        (f"a node joins that has lost its data, {few} times", galera_trials.join_anew, few),
    ]
    return [
        *(Trial(f"Galera: {what}", _on_cluster(fault, times)) for what, fault, times in faults),
        Trial(f"Galera: same batch to two services on two nodes at once, {batches} times", _colliding(batches)),
    ]


def _on_cluster(
    fault: Callable[[ClusterArena], None], times: int
) -> Callable[[Path, MariaDB], tuple[Arena, Verdict, str]]:
    def trial(folder: Path, server: MariaDB) -> tuple[Arena, Verdict, str]:
        with Galera() as cluster:
            arena = ClusterArena(folder, cluster)
            verdict = galera_trials.disturb(arena, fault, times)
            return arena.arena, verdict, f"{_seen(arena.arena)}"

    return trial


def _colliding(count: int) -> Callable[[Path, MariaDB], tuple[Arena, Verdict, str]]:
    def trial(folder: Path, server: MariaDB) -> tuple[Arena, Verdict, str]:
        with Galera() as cluster:
            arena = ClusterArena(folder, cluster)
            verdict, collisions = galera_trials.send_to_two_nodes(arena, count)
            return arena.arena, verdict, f"{_seen(arena.arena)}; {collisions} transactions collided"

    return trial


def _plain(
    run: Callable[[Arena, int], Verdict], count: int, on_mariadb: bool = True, spool: bool = False
) -> Callable[[Path, MariaDB], tuple[Arena, Verdict, str]]:
    def trial(folder: Path, server: MariaDB) -> tuple[Arena, Verdict, str]:
        arena = Arena(folder, server if on_mariadb else None, spool=spool)
        verdict = run(arena, count)
        return arena, verdict, _seen(arena)

    return trial


def _seen(arena: Arena) -> str:
    statuses = ", ".join(str(status) for status in sorted(arena.ledger.statuses()) if status)
    return f"answers {statuses}; {_times(arena)}"


def _times(arena: Arena) -> str:
    refused = arena.ledger.slowest(503)
    return f"slowest {arena.ledger.slowest():.1f} s" + (f", slowest 503 {refused:.2f} s" if refused else "")


def _away(seconds: int) -> Callable[[Path, MariaDB], tuple[Arena, Verdict, str]]:
    def trial(folder: Path, server: MariaDB) -> tuple[Arena, Verdict, str]:
        arena = Arena(folder, server, speed=1, parallel=40)
        return arena, trials.outage(arena, seconds), _seen(arena)

    return trial


def _long_outage(seconds: int) -> Callable[[Path, MariaDB], tuple[Arena, Verdict, str]]:
    def trial(folder: Path, server: MariaDB) -> tuple[Arena, Verdict, str]:
        arena = Arena(folder, server, spool=True)
        verdict, ratio, grown = trials.long_outage(arena, seconds, rate=4)
        return arena, verdict, f"{_seen(arena)}; drained at {ratio:.1f} × the input; grown by {grown / MIB:.0f} MiB"

    return trial


def _full_disk(spool: bool) -> Callable[[Path, MariaDB], tuple[Arena, Verdict, str]]:
    def trial(folder: Path, server: MariaDB) -> tuple[Arena, Verdict, str]:
        with SmallDisk(folder / f"disk-{spool}", 64 * MIB if spool else 16 * MIB) as disk:
            if spool:
                arena = Arena(folder, server, SPOOL_DIR=str(disk.folder / "spool"))
            else:
                arena = Arena(folder, DB_PATH=str(disk.folder / "audit.db"))
            verdict = disk_trials.fill_disk(arena, disk)
            return arena, verdict, f"{_seen(arena)}; {'tmpfs' if disk.is_mounted else 'limit on file sizes'}"

    return trial


def _failing_syncs(count: int) -> Callable[[Path, MariaDB], tuple[Arena, Verdict, str]]:
    def trial(folder: Path, server: MariaDB) -> tuple[Arena, Verdict, str]:
        arena = Arena(folder, server, spool=True, program=("-m", "tests.faulty_serve"))
        return arena, disk_trials.fail_syncs(arena, count), _seen(arena)

    return trial


def _corrupt(on_mariadb: bool) -> Callable[[Path, MariaDB], tuple[Arena, Verdict, str]]:
    def trial(folder: Path, server: MariaDB) -> tuple[Arena, Verdict, str]:
        arena = Arena(folder, server if on_mariadb else None, spool=True)
        verdict, set_aside = disk_trials.drain_with_corrupt_files(arena, 996)
        return arena, verdict, f"{set_aside} set aside"

    return trial


def _locked(folder: Path, server: MariaDB) -> tuple[Arena, Verdict, str]:
    arena = Arena(folder, server)
    verdict, seen = trials.lock_rows(arena, 6)
    return arena, verdict, f"{_seen(arena)}; rows seen meanwhile: {sorted(seen)}"


def _frozen(seconds: int) -> Callable[[Path, MariaDB], tuple[Arena, Verdict, str]]:
    def trial(folder: Path, server: MariaDB) -> tuple[Arena, Verdict, str]:
        arena = Arena(folder, server, speed=1, parallel=40)
        verdict, slowest = trials.freeze(arena, seconds)
        return arena, verdict, f"{_seen(arena)}; slowest /healthz {slowest:.2f} s"

    return trial


if __name__ == "__main__":
    sys.exit(main())
