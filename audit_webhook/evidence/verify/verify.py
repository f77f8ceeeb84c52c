"""Tells whether what is stored is what was stored: signatures, seals, content, in this order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from audit_webhook.errors import StoreMisconfigured
from audit_webhook.evidence.checkpoints import Signed
from audit_webhook.evidence.findings import Findings
from audit_webhook.evidence.store import EvidenceStore
from audit_webhook.evidence.verify.content import ContentCheck
from audit_webhook.evidence.verify.schema_tables import find_differences, find_inconsistencies
from audit_webhook.evidence.verify.seals import SealCheck, StreamReport
from audit_webhook.evidence.verify.tables import TableCheck
from audit_webhook.evidence.verify.trail import Trail
from audit_webhook.evidence.verify.workers import Examiners
from audit_webhook.storage.keys import Keys
from audit_webhook.storage.repository import Repository

Progress = Callable[[str, int], None]
"""Told what is being done, and with how many events that is done."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification has come to.

    ``is_remembered``: the newest checkpoint that is remembered beside the key was one of those compared with.
    ``notes`` are not findings: times that a wrong clock gave, and histories that a person has accepted.
    """

    findings: Findings
    streams: list[StreamReport]
    checkpoints: int
    newest_checkpoint: str
    anchors: int
    events: int
    seconds: float
    is_remembered: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings.counts

    @property
    def is_signed(self) -> bool:
        """Whether there was a signature to go by, or nothing that needed one."""
        return bool(self.checkpoints or self.anchors or self.is_remembered) or not self.streams

    @property
    def batches(self) -> int:
        """Give the number of batches that have a seal."""
        return sum(stream.batches for stream in self.streams)

    @property
    def pruned(self) -> int:
        """Give the number of batches that were deleted on purpose and still have a seal."""
        return sum(stream.pruned for stream in self.streams)

    @property
    def unsigned(self) -> int:
        """Give the number of batches that came after the newest checkpoint of their stream."""
        return sum(stream.unsigned for stream in self.streams)


def verify(
    repository: Repository, keys: Keys, anchors: Iterable[Signed] = (), since: int = 0,
    progress: Progress = lambda step, events: None, remembered: Signed | None = None,
    examiners: Examiners | None = None,
) -> Report:
    """Check signatures and seals of everything, and the content from a time in milliseconds on.

    ``remembered`` is the newest checkpoint that is known outside of the database, read before anything else.
    """
    begun: Final = time.monotonic()
    store, findings = EvidenceStore(repository.database), Findings()
    trail = Trail(store, keys, findings)
    trail.take_anchors(anchors)
    given = trail.anchors
    trail.take_anchors([remembered] if remembered else [])
    streams: list[StreamReport] = []
    examiners = examiners or Examiners()
    tables = TableCheck(store, trail, findings, examiners.secret, since)
    content = ContentCheck(
        store, trail, findings, lambda events: progress("events", events), examiners, tables
    )
    with _schema_first(repository, findings):
        trail.follow()
        trail.end()
        streams = SealCheck(store, trail, findings, lambda events: progress("seals", events)).run()
        tables.begin()
        content.run(since)
        tables.end()
    return Report(
        findings, streams, trail.signed, trail.newest_time, given, content.events, time.monotonic() - begun,
        remembered is not None, tuple(trail.notes),
    )


@contextmanager
def _schema_first(repository: Repository, findings: Findings) -> Iterator[None]:
    """Compare the schema before the block and the file of SQLite beside it.

    Where the schema is another one, what cannot be read for that reason is no error: it was found already.
    """
    differences = find_differences(repository.database)
    for name, text in differences:
        findings.add("SCHEMA", name, text)
    with ThreadPoolExecutor(1, "consistency") as pool:
        consistency = pool.submit(find_inconsistencies, repository.database)
        try:
            yield
        except StoreMisconfigured:
            if not differences:
                raise
        for name, text in consistency.result():
            findings.add("SCHEMA", name, text)
