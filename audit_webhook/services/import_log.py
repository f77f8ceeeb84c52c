"""Imports log files of a kube-apiserver's log backend (k8s.io/apiserver plugin/pkg/audit/log): one event on each line.

A line and the webhook's item of the same event have one id, so that what came both ways is stored once. An event that
the webhook had to cut is another one than its whole line: both are kept, and the cut one is marked as truncated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Final, NamedTuple

from audit_webhook.redaction import BUILT_IN, Redaction
from audit_webhook.repository import Repository
from audit_webhook.entry import Entry
from audit_webhook.services.ingest import Batch, identify, store_batch
from audit_webhook.services.log_files import Line, LogFile, list_files, size_of
from audit_webhook.split import MalformedBody, split
from audit_webhook.tolerant import Undecodable

BATCH_EVENTS: Final = 1000
BATCH_BYTES: Final = 4 * 1024**2
EVENT_STARTS: Final = (b'{"kind":"Event","apiVersion":"audit.k8s.io/v1",', b'{"level":"')
"""What begins a line of a log file, and an item of a batch that somebody wrote on a line of its own."""


class BadLine(NamedTuple):
    """A line that holds no event: where it stands, and why it was left out."""

    path: str
    number: int
    reason: str


class Report(NamedTuple):
    """How far an import came, in bytes of the files, and what became of the events; lines that were bad are counted."""

    read_bytes: int = 0
    all_bytes: int = 0
    files: int = 0
    stored: int = 0
    duplicate: int = 0
    bad_lines: int = 0


class Watcher(NamedTuple):
    """Who is told while an import runs: of progress, and of each bad line."""

    progress: Callable[[Report], None]
    bad_line: Callable[[BadLine], None]


class LogImport:
    """One import, all of it in the caller's thread: a second one would wait for the interpreter more than it saves."""

    def __init__(
        self, repository: Repository, cluster: str, now: int, watcher: Watcher, redaction: Redaction = BUILT_IN
    ) -> None:
        """Import into this repository as events of this cluster, received now (microseconds).

        ``redaction`` says what is done about secrets beside what is built in.
        """
        self._redaction = redaction
        self._repository = repository
        self._cluster = cluster
        self._now = now
        self._watcher = watcher
        self._report = Report()

    def run(self, paths: list[str]) -> Report:
        """Store the events of log files; raises OSError and StoreUnavailable. What was stored before it is stored."""
        files = list_files(paths)
        self._report = Report(all_bytes=sum(map(size_of, files)))
        for path in files:
            self._read_file(path)
        self._watcher.progress(self._report)
        return self._report

    def _read_file(self, path: str) -> None:
        before = self._report.read_bytes
        with closing(LogFile(path)) as file:
            for batch in self._batches(path, file):
                self._store(batch)
                self._report = self._report._replace(read_bytes=before + file.read_bytes)
                self._watcher.progress(self._report)
        self._report = self._report._replace(read_bytes=before + size_of(path), files=self._report.files + 1)

    def _store(self, batch: Batch) -> None:
        receipt = store_batch(self._repository, self._cluster, batch, self._now)
        self._report = self._report._replace(
            stored=self._report.stored + receipt.stored, duplicate=self._report.duplicate + receipt.duplicate
        )

    def _batches(self, path: str, file: Iterable[Line]) -> Iterator[Batch]:
        events: dict[bytes, Entry] = {}
        count = size = 0
        for line in file:
            for item in self._events(path, line):
                events[item.id] = item
                count += 1
                size += len(item.raw)
            if count >= BATCH_EVENTS or size >= BATCH_BYTES:
                yield Batch(events, count - len(events), [])
                events, count, size = {}, 0, 0
        if events:
            yield Batch(events, count - len(events), [])

    def _events(self, path: str, line: Line) -> Iterator[Entry]:
        """Read the events of a line: one, or those of a list that somebody kept as it was posted."""
        problem = line.problem
        try:
            if not problem:
                for raw in _items(line.raw):
                    yield identify(self._cluster, raw, self._redaction)
        except (MalformedBody, Undecodable) as error:
            problem = str(error)
        if problem:
            self._report = self._report._replace(bad_lines=self._report.bad_lines + 1)
            self._watcher.bad_line(BadLine(path, line.number, problem))


def _items(raw: bytes) -> list[bytes]:
    """Give the events of a line; raises MalformedBody when there is anything else in it."""
    if raw.startswith(EVENT_STARTS):
        return [raw]
    parts = split(raw)
    if parts.broken:
        raise MalformedBody(parts.broken[0].reason)
    return parts.items
