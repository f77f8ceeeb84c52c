"""Keep, for each schema step, a database as the last version with that step wrote it: what upgrades are tested with.

    python tools/make_old_stores.py [STEP…]

For each step (all that the history has, when none is named) the last commit of the main line that changed ``sql`` and
has no later step gets a worktree; its own code stores WRITTEN on SQLite. ``tests/data/upgrade/NNN.json.gz`` then holds
the texts of that version's schema steps for both engines, the rows of every table, and the ids of the events with the
hash of their bytes. From the step that has evidence on, a checkpoint over all of it is signed with KEY.
"""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ROOT: Final = Path(__file__).resolve().parents[1]
OUTPUT: Final = ROOT / "tests/data/upgrade"
WRITTEN: Final = {"prod": ("00039", "00062", "00176"), "staging": ("00157", "00180")}
"""For each cluster the batches of tests/data/webhook; the first one of each is sent twice."""
UNREADABLE: Final = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[null]}'
RECEIVED: Final = 1_795_600_000_000_000  # 25 November 2026, in microseconds
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)
"""What checkpoints were signed with: whoever goes on with a stored database needs the same."""
WRITER: Final = """
import sys
from audit_webhook.config import Config
from audit_webhook.repository import open_repository
from audit_webhook.services.ingest import receive

path, key_file, step, *sent = sys.argv[1:]
repository = open_repository(Config.from_env({"ENVIRONMENT": "development", "DB_PATH": path}))
repository.migrate()
for number, each in enumerate(sent):
    cluster, batch = each.split("=")
    receive(repository, cluster, open(batch, "rb").read(), RECEIVED + number * 1_000_000)
if int(step) >= 3:
    from audit_webhook.saved_searches import SavedSearch
    repository.saved.insert_search(SavedSearch(b"s" * 16, "deletions", "verb:delete", "", RECEIVED))
if int(step) >= 4:
    from audit_webhook.reader_store import ReaderStore, Token
    store = ReaderStore(repository.database)
    store.insert_token(Token(b"t" * 32, "alice", "ci", RECEIVED, RECEIVED + 10 ** 15, 0))
if int(step) >= 5:
    from audit_webhook.evidence_store import EvidenceStore
    from audit_webhook.services.witness import Witness
    assert Witness(EvidenceStore(repository.database), key_file, lambda: RECEIVED + 60_000_000).sign_when_due()
if int(step) >= 6:
    from audit_webhook.refusal_store import Refusal, RefusalKey
    count = {RefusalKey(RECEIVED // 86_400_000_000, "prod", "token"): 3}
    repository.refusals.record([Refusal("prod", RECEIVED, "wrong token", "192.0.2.1")], count)
repository.close()
"""


def main() -> None:
    """Write the files of the steps that are named, or of all."""
    wanted = set(map(int, sys.argv[1:]))
    OUTPUT.mkdir(exist_ok=True)
    for step, commit in _versions().items():
        if not wanted or step in wanted:
            with tempfile.TemporaryDirectory() as folder:
                _git("worktree", "add", "--detach", f"{folder}/old", commit)
                try:
                    document = _fill(Path(folder), step)
                finally:
                    _git("worktree", "remove", "--force", f"{folder}/old")
            text = json.dumps({"step": step, **document}, separators=(",", ":")).encode()
            (OUTPUT / f"{step:03d}.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))
            print(f"step {step}: {commit[:10]}, {len(document['events'])} events")


def _versions() -> dict[int, str]:
    """Give for each step the newest commit of the main line that has no later one."""
    versions: dict[int, str] = {}
    for commit in _git("rev-list", "--first-parent", "HEAD", "--", "sql").split():
        names = _git("ls-tree", "--name-only", commit, "sql/sqlite/").split()
        if names:
            versions.setdefault(max(int(Path(name).name[:3]) for name in names), commit)
    return versions


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _fill(folder: Path, step: int) -> dict[str, Any]:
    """Let the old version in a folder write a database, and give all of it."""
    old, store, key = folder / "old", folder / "old.db", folder / "key"
    key.write_bytes(KEY)
    script = WRITER.replace("RECEIVED", str(RECEIVED))
    command = [sys.executable, "-c", script, str(store), str(key), str(step), *_write_batches(folder)]
    subprocess.run(command, cwd=old, env={"PYTHONPATH": str(old)}, check=True)
    connection = sqlite3.connect(store)
    try:
        tables = {name: _rows(connection, name) for name in _tables(connection)}
    finally:
        connection.close()
    return {
        "steps": {
            dialect: {path.name: path.read_text() for path in sorted((old / "sql" / dialect).glob("0*.sql"))}
            for dialect in ("mysql", "sqlite")
        },
        "tables": tables,
        "events": _events(old, store),
    }


def _write_batches(folder: Path) -> Iterator[str]:
    """Unpack what is sent, the first batch of each cluster twice; give ``cluster=path`` for each."""
    unreadable = folder / "unreadable"
    unreadable.write_bytes(UNREADABLE)
    for cluster, names in WRITTEN.items():
        for name in (*names, names[0]):
            path = folder / name
            path.write_bytes(gzip.decompress((ROOT / f"tests/data/webhook/{name}.json.gz").read_bytes()))
            yield f"{cluster}={path}"
    yield f"prod={unreadable}"


def _tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return [name for (name,) in found]


def _rows(connection: sqlite3.Connection, table: str) -> dict[str, Any]:
    """Give a table's columns and rows; bytes as ``{"base64": …}``."""
    cursor = connection.execute(f"SELECT * FROM {table}")
    rows = [[_plain(value) for value in row] for row in cursor.fetchall()]
    return {"columns": [name for name, *_ in cursor.description], "rows": rows}


def _plain(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


READER: Final = """
import json, sys
from audit_webhook.config import Config
from audit_webhook.repository import open_repository
import hashlib, sqlite3
repository = open_repository(Config.from_env({"ENVIRONMENT": "development", "DB_PATH": sys.argv[1]}))
ids = [row[0] for row in sqlite3.connect(sys.argv[1]).execute("SELECT id FROM events ORDER BY id")]
print(json.dumps({id.hex(): hashlib.sha256(repository.find_event(id).raw).hexdigest() for id in ids}))
"""


def _events(old: Path, store: Path) -> dict[str, str]:
    """Let the old version read its events; give the hash of each one's bytes by its id."""
    command = [sys.executable, "-c", READER, str(store)]
    done = subprocess.run(command, cwd=old, env={"PYTHONPATH": str(old)}, check=True, capture_output=True)
    events: dict[str, str] = json.loads(done.stdout)
    return events


if __name__ == "__main__":
    main()
