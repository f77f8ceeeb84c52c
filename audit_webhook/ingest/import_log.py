"""Imports log files of a kube-apiserver's log backend (k8s.io/apiserver plugin/pkg/audit/log): one event on each line.

A line and the webhook's item of the same event have one id, so that what came both ways is stored once. An event that
the webhook had to cut is another one than its whole line: both are kept, and the cut one is marked as truncated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Final, NamedTuple

from audit_webhook.events.redaction.settings import BUILT_IN, Redaction
from audit_webhook.events.split import MalformedBody, split
from audit_webhook.ingest.log_files import Line, LogFile, list_files, size_of
from audit_webhook.ingest.read_events import place_by_receipt, read_events
from audit_webhook.ingest.receive import Batch, store_batch
from audit_webhook.storage.repository import Repository

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
                if batch.events:
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
        items: list[tuple[int, bytes]] = []
        bad: dict[int, str] = {}
        size = 0
        for line in file:
            try:
                raws = _items(line)
            except MalformedBody as error:
                bad[line.number] = str(error)
                continue
            items += ((line.number, raw) for raw in raws)
            size += len(line.raw)
            if len(items) + len(bad) >= BATCH_EVENTS or size >= BATCH_BYTES:
                yield self._read(path, items, bad)
                items, bad, size = [], {}, 0
        yield self._read(path, items, bad)

    def _read(self, path: str, items: Sequence[tuple[int, bytes]], bad: Mapping[int, str]) -> Batch:
        """Read the events of lines, and tell of these lines and of those that were bad before, in their order."""
        entries, unread = read_events(self._cluster, [raw for _, raw in items], self._redaction)
        for number, problem in sorted({**bad, **{items[each.place][0]: each.reason for each in unread}}.items()):
            self._note_bad(BadLine(path, number, problem))
        events = {entry.id: entry for entry in place_by_receipt(entries, self._now)}
        return Batch(events, len(entries) - len(events), [])

    def _note_bad(self, line: BadLine) -> None:
        self._report = self._report._replace(bad_lines=self._report.bad_lines + 1)
        self._watcher.bad_line(line)


def _items(line: Line) -> list[bytes]:
    """Give the events of a line: one, or those of a list that somebody kept as it was posted; raises MalformedBody."""
    if line.problem:
        raise MalformedBody(line.problem)
    if line.raw.startswith(EVENT_STARTS):
        return [line.raw]
    parts = split(line.raw)
    if parts.broken:
        raise MalformedBody(parts.broken[0].reason)
    return parts.items
