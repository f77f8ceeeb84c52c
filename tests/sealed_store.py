"""A store with sealed and signed batches, for the tests of evidence: filled once, verified, tampered with, mended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.evidence.checkpoints import Signed, find_tokens
from audit_webhook.evidence.findings import Finding
from audit_webhook.evidence.signer import Signer
from audit_webhook.evidence.store import EvidenceStore
from audit_webhook.evidence.verify.verify import Report, verify
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.keys import Keys, make_or_read_keys
from audit_webhook.storage.repository import Repository, open_repository
from audit_webhook.storage.statements import adapt
from tests.factories import NOON_US, audit_event, event_list

Rows = list[tuple[Any, ...]]
MINUTE = 60_000_000


class Evidence:
    """A repository with its witness, whose clock a test turns."""

    def __init__(self, config: Config, key: Path) -> None:
        """Open and prepare the store; the key is made."""
        self.config = config
        self.key_file = key
        self.repository: Repository = open_repository(config)
        self.repository.migrate()
        self.store = EvidenceStore(self.repository.database)
        self.anchors: list[str] = []
        self.ahead = 0
        self.signer = Signer(self.store, str(key), self.clock, self.anchors.append)
        self.keys: Keys = make_or_read_keys(key)

    def clock(self) -> int:
        """Give the time in microseconds."""
        return now() + self.ahead

    def fill(self, batches: int, events: int = 7, first: int = 0) -> None:
        """Store batches, and sign them."""
        self.store_batches(batches, events, first)
        self.sign()

    def store_batches(self, batches: int, events: int = 7, first: int = 0) -> None:
        """Store batches, from a number on, whose events lie within two minutes each, half a minute apart."""
        for number in range(first, first + batches):
            items = [
                audit_event(number * 30 + place * 120 / events, requestURI=f"/api/v1/pods/{number}-{place}")
                for place in range(events)
            ]
            receive(self.repository, "prod", event_list(items), NOON_US + number)

    def sign(self) -> None:
        """Make a checkpoint."""
        self.ahead += 2 * MINUTE
        assert self.signer.sign_when_due()

    def verify(self, with_anchors: bool = False) -> Report:
        """Verify as the command does, with the anchors so far or without."""
        remembered = self.signer.memory.read()
        return verify(self.repository, self.keys, self.signed() if with_anchors else (), remembered=remembered)

    def signed(self) -> Iterator[Signed]:
        """Give the checkpoints that were published."""
        return find_tokens("\n".join(self.anchors))

    def found(self, with_anchors: bool = False) -> list[Finding]:
        """Give what a verification finds wrong."""
        return self.verify(with_anchors).findings.first

    def kinds(self, with_anchors: bool = False) -> set[str]:
        """Give what kinds of things a verification finds wrong."""
        return {finding.kind for finding in self.found(with_anchors)}

    def rows(self, statement: str, *parameters: Any) -> Rows:
        """Read from the database, past the program."""
        with self.repository.database.read() as cursor:
            cursor.execute(adapt(statement, self.repository.database.dialect), parameters)
            return list(cursor.fetchall())

    def change(self, statement: str, *parameters: Any) -> None:
        """Change the database, past the program, as somebody would who has got hold of it."""
        with self.repository.database.write() as cursor:
            cursor.execute(adapt(statement, self.repository.database.dialect), parameters)

    @contextmanager
    def undone(self, *tables: str) -> Iterator[None]:
        """Put these tables back afterwards as they were."""
        kept = {table: self.rows(f"SELECT * FROM {table}") for table in tables}
        try:
            yield
        finally:
            self._put_back(kept)

    def _put_back(self, kept: dict[str, Rows]) -> None:
        with self.repository.database.write() as cursor:
            for table, rows in kept.items():
                cursor.execute(f"DELETE FROM {table}")
                marks = ", ".join(["%s"] * len(rows[0])) if rows else ""
                statement = f"INSERT INTO {table} VALUES ({marks})"
                if rows:
                    cursor.executemany(adapt(statement, self.repository.database.dialect), rows)
