"""The database: can it be reached, does it keep what it says it keeps, is its schema ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from audit_webhook.config import Config
from audit_webhook.errors import AuditWebhookError, StoreMisconfigured
from audit_webhook.operate import retention
from audit_webhook.operate.doctor.database_file import check_file
from audit_webhook.operate.doctor.evidence import check_checkpoints
from audit_webhook.operate.doctor.finding import Finding, fail, ok, say_seconds, warn
from audit_webhook.operate.doctor.readers import check_api_tokens
from audit_webhook.operate.doctor.server import check_server
from audit_webhook.operate.doctor.sinks import check_messages
from audit_webhook.storage import server_status as engine_state
from audit_webhook.storage.access_store import AccessStore
from audit_webhook.storage.database import Database, open_database
from audit_webhook.storage.schema import steps

CHECK: Final = "database"
SKEW_WARN, SKEW_FAIL = 1.0, 30.0
FUTURE_SECONDS: Final = 60
FULL: Final = 2
"""The number of synchronous=FULL; EXTRA is one more: https://sqlite.org/pragma.html."""


def check_store(config: Config, now: int) -> Iterator[Finding]:
    """Look at the database; ``now`` is in microseconds. What depends on its answers is left out when it has none."""
    if not config.db_host and not Path(config.db_path).exists() and config.db_path != ":memory:":
        yield warn(CHECK, f"{config.db_path} is not there yet", "nothing, if this is new: serve makes it")
        return
    if not config.db_host and config.db_path != ":memory:":
        findings = list(check_file(Path(config.db_path)))
        yield from findings
        if any(finding.status == "fail" for finding in findings):
            return  # to open the files would write a second log
    servers = config.db_servers if config.db_host else ()
    if len(servers) > 1:
        for address in servers:
            yield from _check_one_of(config, address)
    database = open_database(config, lambda: None, may_create=False)
    try:
        if len(servers) == 1:
            yield from check_server(config, database)
        elif not servers:
            yield from _check_file(config, database)
        yield from _check_steps(database)
        yield _check_clock(database)
        yield from _check_arrivals(config, database, now)
    except StoreMisconfigured as error:
        yield fail(CHECK, f"it refuses: {error}", "check DB_HOST, DB_USER, DB_PASSWORD, DB_NAME and DB_PATH")
    except AuditWebhookError as error:
        yield fail(CHECK, f"it does not answer: {error}", "see whether it runs and can be reached from here")
    finally:
        database.close()


def _check_one_of(config: Config, address: tuple[str, int]) -> Iterator[Finding]:
    """Look at one of several servers: that one of them is away or takes no writes is what the others are for."""
    where = "{}:{}".format(*address) if ":" not in address[0] else "[{}]:{}".format(*address)
    alone = replace(config, db_host=where)
    database = open_database(alone, lambda: None, may_create=False)
    try:
        for finding in check_server(alone, database, len(config.db_servers)):
            yield finding._replace(what=f"{where}: {finding.what}")
    except StoreMisconfigured as error:
        yield fail(CHECK, f"{where} refuses: {error}", "give it the same database and user as the others")
    except AuditWebhookError as error:
        yield warn(CHECK, f"{where} does not answer: {error}", "repair it: the others are used meanwhile")
    finally:
        database.close()


def _check_file(config: Config, database: Database) -> Iterator[Finding]:
    """Look at how an embedded database is written."""
    version, journal, synchronous = engine_state.embedded_durability(database)
    yield ok(CHECK, f"SQLite {version} reads {config.db_path}")
    if journal == "wal" and synchronous >= FULL:
        yield ok("durability", "each commit is synced to the disk (journal_mode=WAL, synchronous=FULL)")
        return
    yield fail(
        "durability", f"journal_mode={journal}, synchronous={synchronous}: what was acknowledged can be lost",
        "let DB_PATH name a file on a local disk that can hold a WAL",
    )


def _check_steps(database: Database) -> Iterator[Finding]:
    """Compare the schema steps of the database with those of this program."""
    applied, known = engine_state.applied_steps(database), set(steps(database.dialect))
    numbers = ", ".join(map(str, sorted(applied - known or known - applied)))
    if applied - known:
        yield fail(
            "schema", f"a newer version has written step {numbers}", "run that version, or restore an older backup"
        )
    elif known - applied:
        yield warn("schema", f"these steps are missing: {numbers}", "start the service, or run `audit-webhook migrate`")
    else:
        yield ok("schema", f"it is at step {max(applied)}, the newest")


def _check_clock(database: Database) -> Finding:
    skew = engine_state.clock_skew(database)
    what = f"the database's clock is {say_seconds(abs(skew))} {'ahead of' if skew > 0 else 'behind'} this machine's"
    advice = "let both follow one time server"
    if abs(skew) > SKEW_FAIL:
        return fail("clock", what, advice)
    return warn("clock", what, advice) if abs(skew) > SKEW_WARN else ok("clock", what)


def _check_arrivals(config: Config, database: Database, now: int) -> Iterator[Finding]:
    """Look at what needs the tables; nothing where there are none."""
    if not engine_state.applied_steps(database) >= set(steps(database.dialect)):
        return
    ahead = (engine_state.newest_arrival(database) - now) / 1_000_000
    if ahead > FUTURE_SECONDS:
        yield warn(
            "clock", f"the last batch was received {say_seconds(ahead)} from now",
            "this machine's clock, or a replica's, is or was wrong: let all follow one time server",
        )
    if config.retention_days and (doubts := retention.doubts(database, config.retention_days, now)):
        advice = f"let all follow one time server; if that is right, {retention.advice(config.retention_days)}"
        yield fail(CHECK, f"retention deletes nothing: {doubts}", advice)
    yield from check_checkpoints(config, database)
    yield from check_messages(database, now)
    yield from check_api_tokens(AccessStore(database), now)
