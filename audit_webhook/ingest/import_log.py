"""Imports files that hold audit events: logs of a kube-apiserver (k8s.io/apiserver plugin/pkg/audit/log) and exports.

A line and the webhook's item of the same event have one id, so that what came both ways is stored once. An event that
the webhook had to cut is another one than its whole line: both are kept, and the cut one is marked as truncated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import NamedTuple

from audit_webhook.events.redaction.settings import BUILT_IN, Redaction
from audit_webhook.ingest.log_files import LogFile, list_files, size_of
from audit_webhook.ingest.read_events import place_by_receipt, read_events
from audit_webhook.ingest.receive import Batch, store_batch
from audit_webhook.ingest.text_reading import BadLine, FileReport, Piece, TextReading
from audit_webhook.storage.repository import Repository


class Report(NamedTuple):
    """How far an import came, in bytes of the files, and what became of the events; lines that were bad are counted."""

    read_bytes: int = 0
    all_bytes: int = 0
    files: int = 0
    stored: int = 0
    duplicate: int = 0
    bad_lines: int = 0
    cut: int = 0
    not_audit: int = 0
    oldest: int = 0
    newest: int = 0
    by_file: tuple[FileReport, ...] = ()


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
            for text in file.texts():
                reading = TextReading(text)
                for pieces in reading.batches():
                    self._store(self._read(reading, pieces), reading)
                    self._report = self._report._replace(read_bytes=before + file.read_bytes)
                    self._watcher.progress(self._report)
                self._finish(reading)
        self._report = self._report._replace(read_bytes=before + size_of(path))

    def _read(self, reading: TextReading, pieces: Sequence[Piece]) -> Batch:
        """Read the events of lines, and note those that are none after all."""
        entries, unread = read_events(self._cluster, [piece.raw for piece in pieces], self._redaction)
        for each in unread:
            reading.note_unread(pieces[each.place], each.reason)
        for bad in reading.take_bad():
            self._note_bad(bad)
        events = {entry.id: entry for entry in place_by_receipt(entries, self._now)}
        return Batch(events, len(entries) - len(events), [])

    def _store(self, batch: Batch, reading: TextReading) -> None:
        if not batch.events:
            return
        receipt = store_batch(self._repository, self._cluster, batch, self._now)
        reading.stored += receipt.stored
        reading.duplicate += receipt.duplicate
        oldest, newest = (int.from_bytes(edge(batch.events)[:6], "big") * 1000 for edge in (min, max))
        self._report = self._report._replace(
            stored=self._report.stored + receipt.stored, duplicate=self._report.duplicate + receipt.duplicate,
            oldest=min(self._report.oldest or oldest, oldest), newest=max(self._report.newest, newest),
        )

    def _finish(self, reading: TextReading) -> None:
        """Add a text that was read to its end to the report."""
        file = reading.report()
        self._report = self._report._replace(
            files=self._report.files + 1, cut=self._report.cut + file.cut,
            not_audit=self._report.not_audit + sum(file.not_audit.values()), by_file=(*self._report.by_file, file),
        )

    def _note_bad(self, line: BadLine) -> None:
        self._report = self._report._replace(bad_lines=self._report.bad_lines + 1)
        self._watcher.bad_line(line)
