"""Says in words, or as JSON, what a verification has come to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from audit_webhook.events.event import rfc3339
from audit_webhook.evidence.verify.verify import Report

NO_ANCHOR = (
    "no anchor was given and no checkpoint is remembered beside the key: if the newest events were cut off, or older "
    "ones were changed and all of it was signed anew, that would not be seen"
)
REMEMBERED = (
    "no anchor was given: compared with the newest checkpoint that is remembered beside the key, which whoever has "
    "that machine could have changed"
)


def lines_of(report: Report) -> Iterator[str]:
    """Give the report's lines; the first is the verdict."""
    yield f"{_verdict(report)} {_signatures(report)}"
    for finding in report.findings.first:
        yield f"{finding.kind}  {finding.place}  {finding.text}"
    yield from (f"note: {note}" for note in report.notes)
    left = report.findings.counts.total() - len(report.findings.first)
    if left:
        yield f"and {left:,} more"
    for stream in report.streams:
        yield (
            f"stream {stream.stream.hex()}: {stream.batches:,} batches of {stream.events:,} events, sealed from "
            f"{rfc3339(stream.first)} to {rfc3339(stream.last)}"
            + (f", {stream.pruned:,} batches pruned" if stream.pruned else "")
        )
    rate = report.events / max(report.seconds, 1e-6)
    yield f"{report.events:,} events compared in {report.seconds:.1f} s, {rate:,.0f} events/s"


def _verdict(report: Report) -> str:
    if not report.is_sound:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.findings.counts.items()))
        return f"TAMPERED: {kinds}."
    if not report.is_signed:
        return "NOT KNOWN: the seals fit, but no checkpoint was signed that would keep anybody from making them anew."
    return f"SOUND: all {report.events:,} events that were compared are as they were stored."


def _signatures(report: Report) -> str:
    parts = []
    if report.newest_checkpoint:
        parts.append(f"The newest checkpoint is of {report.newest_checkpoint}")
        if report.unsigned:
            parts.append(f"{report.unsigned:,} batches came later and are not signed yet")
    none = REMEMBERED if report.is_remembered else NO_ANCHOR
    parts.append(f"verified against {report.anchors:,} anchors" if report.anchors else none)
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "."


def document_of(report: Report) -> dict[str, Any]:
    """Give the report for programs."""
    return {
        "verdict": "tampered" if not report.is_sound else "sound" if report.is_signed else "unknown",
        "newest_checkpoint": report.newest_checkpoint or None,
        "checkpoints": report.checkpoints,
        "anchors": report.anchors,
        "is_compared_with_remembered": report.is_remembered,
        "notes": report.notes,
        "batches": report.batches,
        "batches_pruned": report.pruned,
        "batches_unsigned": report.unsigned,
        "events": report.events,
        "seconds": round(report.seconds, 3),
        "counts": dict(report.findings.counts),
        "findings": [finding._asdict() for finding in report.findings.first],
        "streams": [
            {
                "stream": stream.stream.hex(), "batches": stream.batches, "events": stream.events,
                "first": rfc3339(stream.first), "last": rfc3339(stream.last), "pruned": stream.pruned,
                "unsigned": stream.unsigned,
            }
            for stream in report.streams
        ],
    }
