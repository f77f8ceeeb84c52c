"""Follows each stream of seals from its beginning, and compares where it ends with what was signed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from audit_webhook.evidence.findings import Findings, name_of
from audit_webhook.evidence.store import EvidenceStore
from audit_webhook.evidence.verify.trail import Trail
from audit_webhook.storage.chunks.hash_chain import BEGINNING, Head, Seal, link_of


class StreamReport(NamedTuple):
    """What a stream of seals holds; the times are those of its first and last seal, in microseconds."""

    stream: bytes
    batches: int = 0
    events: int = 0
    first: int = 0
    last: int = 0
    pruned: int = 0
    unsigned: int = 0


class SealCheck:
    """One pass over all seals."""

    def __init__(
        self, store: EvidenceStore, trail: Trail, findings: Findings,
        progress: Callable[[int], None] = lambda events: None,
    ) -> None:
        """Compare the store's seals with this trail; ``progress`` is told of how many events seals were read."""
        self._store: Final = store
        self._trail: Final = trail
        self._findings: Final = findings
        self._progress: Final = progress

    def run(self) -> list[StreamReport]:
        """Check all streams and give what each holds."""
        reports = [self._check_stream(stream) for stream in self._store.streams()]
        seen = {report.stream for report in reports}
        for stream, (head, number) in self._trail.heads.items():
            if stream not in seen and self._start(stream).sequence < head.sequence:
                self._truncated(head, number, 0)
        return reports

    def _start(self, stream: bytes) -> Head:
        return self._trail.trimmed.get(stream, Head(stream, 0, BEGINNING))

    def _check_stream(self, stream: bytes) -> StreamReport:
        head, report = self._start(stream), StreamReport(stream)
        is_first = True
        while page := self._store.seals_after(stream, head.sequence):
            if is_first and page[0][0].sequence != head.sequence + 1:
                self._trail.follow()  # seals may have been trimmed since the trail was read
                head = max(head, self._start(stream))
                page = [item for item in page if item[0].sequence > head.sequence]
            is_first = False
            for seal, is_there in page:
                self.check_seal(head, seal)
                report = self._counted(report, seal, is_there)
                head = Head(stream, seal.sequence, seal.link)
            self._progress(report.events)
        signed, number = self._trail.heads.get(stream, (head, 0))
        if head.sequence < signed.sequence:
            self._truncated(signed, number, head.sequence)
        return report

    def check_signed(self, head: Head, number: int) -> None:
        """Check the one seal that a checkpoint of this number has signed as a stream's end."""
        seal = self._store.find_seal(head.stream, head.sequence)
        if seal is not None:
            self._compare_signed(seal)
        elif self._start(head.stream).sequence < head.sequence:
            place = place_of(head.stream, head.sequence)
            self._findings.add("TRUNCATED", place, f"checkpoint {number} has signed this batch, its seal is gone")

    def check_seal(self, head: Head, seal: Seal) -> None:
        """Check a seal against the one before it, and against what was signed."""
        place = place_of(seal.stream, seal.sequence)
        if seal.sequence != head.sequence + 1:
            text = f"the seals of batches {head.sequence + 1} to {seal.sequence - 1} are missing"
            self._findings.add("GAP", place, text)
        elif seal.link != link_of(head.link, seal):
            self._findings.add("BAD_LINK", place, "the seal was changed, or the one before it was")
        self._compare_signed(seal)

    def _compare_signed(self, seal: Seal) -> None:
        signed, number = self._trail.heads.get(seal.stream, (None, 0))
        if signed is not None and signed.sequence == seal.sequence and signed.link != seal.link:
            text = f"the seals up to this one were made anew: checkpoint {number} has signed another one"
            self._findings.add("BAD_LINK", place_of(seal.stream, seal.sequence), text)

    def _counted(self, report: StreamReport, seal: Seal, is_there: bool) -> StreamReport:
        pruned = not is_there and self._trail.was_pruned(seal.chunk_id, seal.stream, seal.sequence)
        if not is_there and not pruned:
            self._findings.add(
                "MISSING", name_of(seal.chunk_id),
                f"{place_of(seal.stream, seal.sequence)}: a batch of {seal.events} events is gone",
            )
        signed = self._trail.heads.get(seal.stream)
        return report._replace(
            batches=report.batches + 1, events=report.events + seal.events, first=report.first or seal.sealed,
            last=seal.sealed, pruned=report.pruned + pruned,
            unsigned=report.unsigned + (signed is None or signed[0].sequence < seal.sequence),
        )

    def _truncated(self, head: Head, number: int, last: int) -> None:
        self._findings.add(
            "TRUNCATED", place_of(head.stream, last),
            f"checkpoint {number} has signed batch {head.sequence} of this stream, the database ends with {last}",
        )


def place_of(stream: bytes, sequence: int) -> str:
    """Name a batch."""
    return f"stream {stream.hex()} batch {sequence}"
