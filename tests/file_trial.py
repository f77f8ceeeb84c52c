"""A service on a SQLite file in a folder of its own, for the tests that take the file away."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from audit_webhook.config import Config
from audit_webhook.storage.repository import open_repository
from audit_webhook.storage.search_sql import EVERYTHING, LAST
from tests.factories import audit_event, event_list
from tests.service import Service
from tests.serving import get, post

BATCHES = 12
SECONDS = 20


class Trial:
    """A service on a database in a folder of its own, what it acknowledged, and a copy of its database."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """Start it, and store the first batches."""
        self.folder = folder / "data"
        self.folder.mkdir(exist_ok=True)
        self.path = self.folder / "audit.db"
        self.copy = folder / "copy.db"
        self.service = Service(folder, {"DB_PATH": str(self.path), **settings})
        self.service.start()
        self.service.wait_until("/readyz", 200, SECONDS)
        self.acknowledged: list[str] = []
        assert self.post("early") == BATCHES
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(self.copy)) as target:
            source.backup(target)
        self.post("after the copy")

    def post(self, name: str) -> int:
        """Post batches of one event; return how many were acknowledged."""
        before = len(self.acknowledged)
        for number in range(BATCHES):
            audit_id = f"{name}-{number}"
            if self.send(event_list([audit_event(number, auditID=audit_id)])) == 200:
                self.acknowledged.append(audit_id)
        return len(self.acknowledged) - before

    def send(self, body: bytes) -> int:
        """Post a batch; return the status of the answer."""
        return post(self.service.url, body).status

    def reason(self) -> str:
        """Return why the service is not ready; empty while it is."""
        return str(json.loads(get(f"{self.service.url}/readyz").body).get("reason", ""))

    def file(self, suffix: str) -> Path:
        """Return one of the files of the database."""
        return Path(f"{self.path}{suffix}")

    def delete(self, *suffixes: str) -> None:
        """Delete files of the database."""
        for suffix in suffixes:
            self.file(suffix).unlink(missing_ok=True)

    def stored(self) -> set[str]:
        """Return the auditIDs of what is stored, in the database and in those that were kept beside it."""
        names = [self.path, *self.folder.glob("audit.db.replaced-*")]
        return {audit_id for name in names for audit_id in audit_ids(name)}

    def restart(self) -> None:
        """Kill the service, and start it again."""
        self.service.kill()
        self.service.start()
        self.service.wait_until("/readyz", 200, SECONDS)
        self.service.kill()


def audit_ids(path: Path) -> set[str]:
    """Return the auditIDs of a database."""
    repository = open_repository(Config.from_env({"ENVIRONMENT": "development", "DB_PATH": str(path)}))
    try:
        located = repository.select_events(EVERYTHING, LAST, 10_000)
        return {json.loads(raw.raw)["auditID"] for raw in repository.read_chunks(located)}
    finally:
        repository.close()
