"""What a database says of itself: how it syncs, which rights we have, what its clock shows.

`doctor` asks all of it; maintenance of a running service asks how its server syncs.

Each engine has questions of its own, so that they stand here and not among the statements that both engines share.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, NamedTuple

from audit_webhook.errors import StoreMisconfigured
from audit_webhook.storage.database import Cursor, Database
from audit_webhook.storage.schema import PARTITIONED
from audit_webhook.storage.text_columns import text_of

_SETTINGS: Final = (
    "version", "innodb_flush_log_at_trx_commit", "innodb_doublewrite", "rocksdb_flush_log_at_trx_commit",
    "sync_binlog", "log_bin", "max_allowed_packet",
    "read_only", "character_set_connection", "character_set_database",
)
_DURABLE: Final = {
    "innodb_flush_log_at_trx_commit": ("1", "a power failure takes transactions that were acknowledged"),
    "innodb_doublewrite": ("ON", "a power failure can tear pages"),
    "rocksdb_flush_log_at_trx_commit": ("1", "a power failure takes transactions that were acknowledged"),
}
_GALERA: Final = ("wsrep_provider_name", "wsrep_ready", "wsrep_cluster_size")
_CLOCK: Final = {
    "mysql": "SELECT UNIX_TIMESTAMP(NOW(6))",
    "sqlite": "SELECT (julianday() - 2440587.5) * 86400.0",  # the Julian day of 1970-01-01
}


def server_settings(database: Database) -> dict[str, str]:
    """Give those variables of a MariaDB or MySQL server that matter here; an unknown one is left out."""
    with database.read() as cursor:
        marks = ", ".join(["%s"] * len(_SETTINGS))
        cursor.execute(f"SHOW VARIABLES WHERE Variable_name IN ({marks})", _SETTINGS)
        return {text_of(name).lower(): text_of(value) for name, value in cursor.fetchall()}


def tls_cipher(database: Database) -> str:
    """Return the cipher of a connection to the server; empty when nothing is encrypted."""
    with database.read() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        return next((str(text_of(value)) for _, value in cursor.fetchall()), "")


class Weakness(NamedTuple):
    """A setting of a server that can lose what was acknowledged: what it is, what follows, and what it should be."""

    name: str
    value: str
    follows: str
    wanted: str


def weak_settings(settings: Mapping[str, str]) -> list[Weakness]:
    """Give those of a server's settings that can lose something; one that the server does not know counts as well."""
    weak = [
        Weakness(name, settings[name], follows, wanted)
        for name, (wanted, follows) in _DURABLE.items() if settings.get(name, wanted) != wanted
    ]
    if settings.get("log_bin") == "ON" and settings.get("sync_binlog") != "1":
        follows = "a power failure can part it from its replicas"
        weak.append(Weakness("sync_binlog", settings.get("sync_binlog", "?"), follows, "1"))
    return weak


def galera_status(database: Database) -> dict[str, str]:
    """Give what a node of a Galera cluster says of its cluster; nothing of another server."""
    with database.read() as cursor:
        marks = ", ".join(["%s"] * len(_GALERA))
        cursor.execute(f"SHOW STATUS WHERE Variable_name IN ({marks})", _GALERA)
        status = {text_of(name).lower(): text_of(value) for name, value in cursor.fetchall()}
    return status if status.get("wsrep_provider_name") else {}


def grants(database: Database) -> list[str]:
    """Give the rights of the server's user who we are, as GRANT statements."""
    with database.read() as cursor:
        cursor.execute("SHOW GRANTS")
        return [text_of(row[0]) for row in cursor.fetchall()]


def newest_partitions(database: Database) -> dict[str, date]:
    """Give for each partitioned table the newest day that has a partition."""
    with database.read() as cursor:
        cursor.execute(
            "SELECT table_name, MAX(partition_name) FROM information_schema.partitions "
            "WHERE table_schema = DATABASE() AND partition_name REGEXP '^p[0-9]{8}$' GROUP BY table_name"
        )
        found = {text_of(table): text_of(name) for table, name in cursor.fetchall()}
    return {table: datetime.strptime(found[table], "p%Y%m%d").date() for table in PARTITIONED if table in found}


def embedded_durability(database: Database) -> tuple[str, str, int]:
    """Give SQLite's version, how it keeps its journal, and the number of its setting ``synchronous``."""
    with database.read() as cursor:
        cursor.execute(
            "SELECT sqlite_version(), j.journal_mode, s.synchronous FROM pragma_journal_mode j, pragma_synchronous s"
        )
        ((version, journal, synchronous),) = cursor.fetchall()
    return version, journal, synchronous


def applied_steps(database: Database) -> set[int]:
    """Give the numbers of the schema steps that were applied; none where there is no table of them."""
    try:
        with database.read() as cursor:
            cursor.execute("SELECT step FROM schema_steps")
            return {int(step) for (step,) in cursor.fetchall()}
    except StoreMisconfigured:
        return set()


def newest_arrival(database: Database) -> int:
    """Give when the newest batch was received, in microseconds; 0 when none was."""
    with database.read() as cursor:
        return int(_single(cursor, "SELECT COALESCE(MAX(received), 0) FROM arrivals"))


def clock_skew(database: Database) -> float:
    """Give by how many seconds the database's clock is ahead of ours, to half the time that the question takes."""
    with database.read() as cursor:
        began = time.time()
        theirs = _single(cursor, _CLOCK[database.dialect])
        return theirs - (began + time.time()) / 2


def _single(cursor: Cursor, statement: str) -> float:
    cursor.execute(statement)
    ((value,),) = cursor.fetchall()
    return float(value)
