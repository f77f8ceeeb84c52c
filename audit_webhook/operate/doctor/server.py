"""A MariaDB or MySQL server: durability, packet size, character set, rights, partitions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

from audit_webhook.config import LOOPBACK, Config
from audit_webhook.operate.doctor.finding import Finding, fail, ok, say_size, warn
from audit_webhook.storage import server_status as engine_state
from audit_webhook.storage.database import Database
from audit_webhook.storage.mysql.tls import VERIFIED, mode_of
from audit_webhook.storage.schema import DAYS_AHEAD, PARTITIONED

LEAST_PACKET: Final = 16 * 1024**2
"""A chunk has about 8 MiB of events; escaped and incompressible it comes to twice as much."""
NEEDED: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP")
_GRANT: Final = re.compile(r"GRANT (?P<rights>.+?) ON (?P<where>\S+\.\S+) TO ", re.DOTALL)


def check_server(config: Config, database: Database, servers: int = 1) -> Iterator[Finding]:
    """Look at what one of so many servers says of itself; raises what `database.classify` knows."""
    settings = engine_state.server_settings(database)
    yield ok("database", f"{settings['version']} answers at {config.db_host}")
    yield from judge_transport(config, engine_state.tls_cipher(database))
    if settings.get("read_only", "OFF") != "OFF" and servers == 1:
        yield fail("database", "it is read-only, as a replica is", "let DB_HOST name the server that is written to")
    yield from judge_galera(engine_state.galera_status(database), servers)
    yield from _check_durability(settings)
    yield _check_packet(int(settings["max_allowed_packet"]))
    yield _check_charset(config, settings)
    yield _check_rights(config, engine_state.grants(database))
    yield from _check_partitions(engine_state.newest_partitions(database), datetime.now(UTC).date())


def judge_transport(config: Config, cipher: str) -> Iterator[Finding]:
    """Say whether others can read, or answer in the place of, a database on another machine."""
    if all(host in LOOPBACK for host, _ in config.db_servers):
        return
    if not cipher:
        yield warn("TLS", "the database is spoken to without TLS: others on the network can read the events",
                   "let the server use TLS, and set DB_SSL_CA to the certificate that signs its own")
    elif mode_of(config) not in VERIFIED:
        yield warn("TLS", f"the database is spoken to with TLS ({cipher}), but its certificate is not verified",
                   "set DB_SSL_CA to the certificate that signs the server's")
    else:
        yield ok("TLS", f"the database is spoken to with TLS ({cipher}), {mode_of(config)}")


def judge_galera(status: Mapping[str, str], servers: int) -> Iterator[Finding]:
    """Say whether a node of a Galera cluster has its cluster, and how many nodes that has; nothing of no node."""
    if not status:
        return
    size = int(status.get("wsrep_cluster_size", 0))
    if status.get("wsrep_ready") != "ON":
        yield fail("database", "the node has lost its cluster", "start the others, or mend the network between them")
    elif size < servers:
        yield warn("database", f"its cluster has {size} of {servers} nodes", "start the others")
    else:
        yield ok("database", f"its Galera cluster has {size} nodes")


def _check_durability(settings: Mapping[str, str]) -> Iterator[Finding]:
    wrong = [
        fail("durability", f"{weak.name}={weak.value}: {weak.follows}", f"set {weak.name}={weak.wanted}")
        for weak in engine_state.weak_settings(settings)
    ]
    yield from wrong or [ok("durability", "each commit is synced to the disk (innodb_flush_log_at_trx_commit=1)")]


def _check_packet(size: int) -> Finding:
    what = f"max_allowed_packet is {say_size(size)}"
    if size < LEAST_PACKET:
        return warn("packet", f"{what}: larger events go into quarantine", "set max_allowed_packet=64M")
    return ok("packet", what)


def _check_charset(config: Config, settings: Mapping[str, str]) -> Finding:
    found = {settings["character_set_connection"], settings["character_set_database"]}
    if found == {"utf8mb4"}:
        return ok("charset", "utf8mb4")
    other = ", ".join(sorted(found - {"utf8mb4"}))
    advice = f"run: ALTER DATABASE `{config.db_name}` CHARACTER SET utf8mb4"
    return warn("charset", f"{other}: tables of later versions would get it too", advice)


def _check_rights(config: Config, grants: Sequence[str]) -> Finding:
    """Tell which rights are missing on the database; those on single tables do not count, because tables are added."""
    found: set[str] = set()
    for match in filter(None, map(_GRANT.match, grants)):
        if _covers(match["where"], config.db_name):
            found |= {right.strip() for right in match["rights"].split(",")}
    missing = [] if "ALL PRIVILEGES" in found else [right for right in NEEDED if right not in found]
    if not missing:
        return ok("rights", f"{config.db_user} may do all that is needed in {config.db_name}")
    advice = f"run: GRANT {', '.join(NEEDED)} ON `{config.db_name}`.* TO the user"
    return fail("rights", f"{config.db_user} may not {', '.join(missing)} in {config.db_name}", advice)


def _covers(where: str, name: str) -> bool:
    """Whether a grant's place is all of a database: `*.*`, or a pattern as LIKE has it, such as ```audit\\_%`.*``."""
    schema, _, table = where.rpartition(".")
    if table != "*":
        return False
    pattern = re.sub(r"\\?[%_]|[^%_\\]+|\\", _to_regex, schema.strip("`").replace("``", "`"))
    return schema == "*" or re.fullmatch(pattern, name) is not None


def _to_regex(match: re.Match[str]) -> str:
    return {"%": ".*", "_": "."}.get(match[0]) or re.escape(match[0].removeprefix("\\") or match[0])


def _check_partitions(newest: Mapping[str, date], today: date) -> Iterator[Finding]:
    """Tell how many days have their partition; nothing while there are no tables."""
    if not newest.keys() >= set(PARTITIONED):
        return
    table = min(newest, key=lambda name: newest[name])
    days = (newest[table] - today).days
    what = f"those of {table} reach to {newest[table]}, {days} days ahead of today"
    advice = "see whether the service runs and its user may ALTER; `audit-webhook migrate` makes them now"
    if days < 1:
        yield fail("partitions", f"{what}: events collect in p_future, and cannot be dropped by day", advice)
    elif days < DAYS_AHEAD - 1:
        yield warn("partitions", what, advice)
    else:
        yield ok("partitions", what)
