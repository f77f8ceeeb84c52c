"""What the page of evidence shows: the newest checkpoints, the key, and what stands against trusting them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from audit_webhook.config import Config
from audit_webhook.errors import HistoryRefused, KeyUnusable
from audit_webhook.evidence.checkpoints import BadCheckpoint, Checkpoint, read
from audit_webhook.evidence.signer import BUSY_MICROSECONDS, IDLE_MICROSECONDS, open_signer
from audit_webhook.evidence.store import EvidenceStore
from audit_webhook.humanize.moments import Moment, moment_of
from audit_webhook.storage.keys import public_pem
from audit_webhook.storage.repository import Repository

SHOWN: Final = 10
LATE_MICROSECONDS: Final = 5 * BUSY_MICROSECONDS


@dataclass(frozen=True, slots=True)
class Line:
    """A checkpoint in the list: its number, when it was made, and what it says."""

    number: int
    time: Moment
    says: str


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """The page; ``key`` is the PEM block of the public key of the newest checkpoint, empty when there is none."""

    warnings: tuple[str, ...]
    newest: Line | None
    key: str
    lines: tuple[Line, ...]
    has_anchors: bool


def view_evidence(repository: Repository, config: Config, now: int) -> EvidenceView:
    """Give the page at a time in microseconds."""
    store = EvidenceStore(repository.database)
    last = store.last_checkpoint()
    refused = _refused(config, repository)
    found: list[Checkpoint] = []
    damaged = 0
    for number, signed in store.checkpoints_after(last[0] - SHOWN, SHOWN) if last else ():
        try:
            found.insert(0, read(signed.body))
        except BadCheckpoint:
            damaged = number
    lines = tuple(_line(checkpoint, now) for checkpoint in found)
    is_late = bool(found) and _is_late(store, found[0], now)
    return EvidenceView(
        (*refused, *_warnings(config, found, damaged, is_late)), lines[0] if lines else None,
        _key(found[0]) if found else "", lines, bool(config.evidence_anchors),
    )


def document_of(view: EvidenceView) -> dict[str, object]:
    """Return what the page shows for programs: warnings, the newest checkpoints, and the public key in PEM."""
    lines = [{"number": line.number, "time": line.time.iso, "contents": line.says} for line in view.lines]
    newest = lines[0] if lines else None
    return {"warnings": list(view.warnings), "newest": newest, "checkpoints": lines, "key": view.key}


def _line(checkpoint: Checkpoint, now: int) -> Line:
    count = len(checkpoint.heads)
    parts = [f"{count} writer advanced" if count == 1 else f"{count} writers advanced"] if count else []
    if checkpoint.pruned:
        kept = f", but for {len(checkpoint.kept)} days of which batches came late" if checkpoint.kept else ""
        parts.append(f"all before {moment_of(checkpoint.pruned * 1000, now).exact} was deleted by retention{kept}")
    if checkpoint.resumed:
        parts.append(f"a database that ended with checkpoint {checkpoint.resumed.ended} was accepted")
    return Line(checkpoint.number, moment_of(checkpoint.made, now), "; ".join(parts) or "nothing new")


def _key(checkpoint: Checkpoint) -> str:
    try:
        return public_pem(checkpoint.key)
    except ValueError:
        return ""


def _refused(config: Config, repository: Repository) -> list[str]:
    """Say why nothing is signed any more, when what is stored does not continue what was signed."""
    try:
        if config.evidence_key_file:
            open_signer(config, repository, lambda: 0, may_make_key=False, may_remember=False).check()
    except HistoryRefused as error:
        return [f"Signing has stopped: {error}."]
    except KeyUnusable:
        pass  # a process for pages alone may have no key
    return []


def _is_late(store: EvidenceStore, newest: Checkpoint, now: int) -> bool:
    age = abs(now - newest.made)
    if age > IDLE_MICROSECONDS + LATE_MICROSECONDS:
        return True
    return age > LATE_MICROSECONDS and store.has_seal_after(newest.made)


def _warnings(config: Config, found: list[Checkpoint], damaged: int, is_late: bool) -> list[str]:
    warnings = []
    if not config.evidence_key_file:
        warnings.append("Nothing is signed: EVIDENCE_KEY_FILE is none. Seals alone can be made anew by anybody.")
    elif not found:
        warnings.append("No checkpoint was signed yet. The log says what keeps the server from it, if anything does.")
    elif is_late:
        warnings.append("No checkpoint was signed for some time. The log says why.")
    if damaged:
        warnings.append(f"Checkpoint {damaged} cannot be read: somebody has changed it.")
    if found and not config.evidence_anchors:
        warnings.append(
            "Checkpoints are on the log alone. Keep the log where nobody who can change the database can change it, or "
            "set EVIDENCE_ANCHORS."
        )
    return warnings
