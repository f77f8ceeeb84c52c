"""A copy made by the commands of docs/operations.md while batches are stored has every event acknowledged before."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.events.ids import digest_events, event_ids
from audit_webhook.evidence.signer import Signer
from audit_webhook.evidence.store import EvidenceStore
from audit_webhook.evidence.verify.verify import verify
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.keys import read_keys
from audit_webhook.storage.repository import Repository, open_repository
from tests.factories import audit_event, event_list
from tests.mariadb import MariaDB
from tests.recorded import BATCHES

GUIDE: Final = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text("utf-8")
BATCH: Final = 20
LATER: Final = 120_000_000
BINARY: Final = "".join(map(chr, range(1, 0x250))) + "'\\\"\0\x1a\u2028\U0001f512"


def run(name: str, **settings: str) -> None:
    """Run the commands that the guide has under a name, as they are written there."""
    found = re.search(rf"<!-- tested: {name} -->\n```\n(.*?)\n```", GUIDE, re.DOTALL)
    assert found, f"the guide has no commands named {name}"
    script = found[1].replace("mysql:mysql", f"{os.getuid()}:{os.getgid()}")
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"], **settings}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def rights(number: int) -> str:
    """Give the rights that the guide says a dump (0) and a copy of the files (1) need."""
    lists = re.findall(r"rights\s(`[A-Z ]+`(?:(?:,| and)\s`[A-Z\s]+`)*)", GUIDE)
    return ", ".join(re.sub(r"\s+", " ", right) for right in re.findall(r"`([^`]+)`", lists[number]))


def fill(repository: Repository, key: Path) -> dict[str, bytes]:
    """Store recorded batches, one with every kind of character, and one that cannot be read; give what is stored.

    A checkpoint over all of it is signed with a new key.
    """
    for path in BATCHES[:12]:
        receive(repository, "prod", gzip.decompress(path.read_bytes()), now())
    strange = audit_event(1, requestURI=BINARY, user={"username": BINARY[:80]}, requestObject={"data": BINARY})
    receive(repository, "staging", event_list([strange, b"null"]), now())
    assert Signer(EvidenceStore(repository.database), str(key), lambda: now() + LATER).sign_when_due()
    return contents(repository)


def contents(repository: Repository) -> dict[str, bytes]:
    """Give the raw bytes of every event by its id; each is one that its bytes have, in a chunk that is there."""
    with repository.database.read() as cursor:
        cursor.execute("SELECT id FROM events ORDER BY id")
        ids = [bytes(identifier) for (identifier,) in cursor.fetchall()]
    found = {}
    for identifier in ids:
        event = repository.find_event(identifier)
        assert event is not None
        milliseconds = int.from_bytes(identifier[:6], "big")
        assert event_ids(digest_events(event.cluster, [event.raw]), [milliseconds]) == [identifier]
        found[identifier.hex()] = event.raw
    return found


@contextmanager
def storing(repository: Repository) -> Iterator[None]:
    """Go on storing batches until the block ends; the first one is stored when it begins."""
    began, stopped = threading.Event(), threading.Event()

    def send() -> None:
        while not stopped.wait(0.005):
            items = [audit_event(number, verb="list") for number in range(BATCH)]
            assert receive(repository, "busy", event_list(items), now()).stored == BATCH
            began.set()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        assert began.wait(30)
        yield
    finally:
        stopped.set()
        thread.join(30)


def check_copy(config: Config, before: dict[str, bytes], key: Path) -> None:
    """Open a copy: all that was there before it was made is, each later batch whole, nothing else, and it goes on.

    Its evidence is sound and signed.
    """
    copy = open_repository(config)
    try:
        assert copy.is_ready() and copy.migrate() == []
        restored = contents(copy)
        assert {name: restored.get(name) for name in before} == before
        assert (len(restored) - len(before)) % BATCH == 0
        assert sum(contact.events for contact in copy.contacts()) == len(restored)
        assert sum(each.items for each in copy.quarantine.usage().values()) == 1
        report = verify(copy, read_keys(key), ())
        assert (report.is_sound, report.is_signed, report.events) == (True, True, len(restored))
        assert receive(copy, "prod", gzip.decompress(BATCHES[0].read_bytes()), now()).stored == 0
        assert receive(copy, "prod", event_list([audit_event(9)]), now()).stored == 1
    finally:
        copy.close()


@pytest.mark.parametrize("way", ["sqlite-vacuum", "sqlite-python"])
def test_copy_of_sqlite_has_every_event(
    sqlite_repository: Repository, sqlite_config: Config, tmp_path: Path, way: str
) -> None:
    before = fill(sqlite_repository, tmp_path / "key")
    copy, restored = tmp_path / "copy.db", tmp_path / "restored.db"
    with storing(sqlite_repository):
        run(way, DB_PATH=sqlite_config.db_path, COPY=str(copy))
    for name in ("", "-wal", "-shm"):
        Path(f"{restored}{name}").write_bytes(b"what was there before and must not be mixed with the copy")
    run("sqlite-restore", DB_PATH=str(restored), COPY=str(copy))
    check_copy(replace(sqlite_config, db_path=str(restored)), before, tmp_path / "key")


def client_file(server: MariaDB, folder: Path, rights: str = "", user: str = "keeper") -> str:
    """Write the file of a client's options that the guide describes, for a new user with these rights, or for root."""
    path = folder / f"{user if rights else 'root'}.cnf"
    lines = ["[client]", "host = 127.0.0.1", f"port = {server.port}"]
    if rights:
        server.execute(f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY 'pass word'")
        server.execute(f"GRANT {rights} TO {user}")
        lines += [f"user = {user}", "password = pass word"]
    path.write_text("\n".join([*lines, *([] if rights else ["user = root"])]) + "\n")
    return str(path)


def test_dump_of_mariadb_has_every_event(
    mariadb_repository: Repository, mariadb_config: Config, mariadb: MariaDB, tmp_path: Path
) -> None:
    before = fill(mariadb_repository, tmp_path / "key")
    copy, restored = str(tmp_path / "copy.sql.gz"), f"{mariadb_config.db_name}_restored"
    limited = client_file(mariadb, tmp_path, f"{rights(0)} ON `{mariadb_config.db_name}`.*")
    with storing(mariadb_repository):
        run("mariadb-dump", CLIENT_CNF=limited, DB_NAME=mariadb_config.db_name, COPY=copy)
    try:
        run("mariadb-restore", CLIENT_CNF=client_file(mariadb, tmp_path), DB_NAME=restored, COPY=copy)
        check_copy(replace(mariadb_config, db_name=restored), before, tmp_path / "key")
    finally:
        mariadb.execute(f"DROP DATABASE IF EXISTS `{restored}`")
        mariadb.execute("DROP USER keeper")


def test_copied_files_of_mariadb_have_every_event(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with MariaDB(tmp_path / "first") as first:
        config = Config.from_env({"ENVIRONMENT": "development", **first.environment("audit")})
        repository = open_repository(config)
        repository.migrate()
        before = fill(repository, tmp_path / "key")
        client, copy = client_file(first, tmp_path, f"{rights(1)} ON *.*"), str(tmp_path / "copy")
        with storing(repository):
            run("mariadb-backup", CLIENT_CNF=client, DATADIR=str(first.folder / "data"), COPY=copy)
        repository.close()
    second = MariaDB(tmp_path / "second")
    run("mariadb-backup-restore", DATADIR=str(second.folder / "data"), COPY=copy)
    try:
        second.start()
        check_copy(replace(config, db_port=second.port), before, tmp_path / "key")
    finally:
        second.stop()
