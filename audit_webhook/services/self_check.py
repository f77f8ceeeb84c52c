"""Looks, while the service runs, whether the newest checkpoints and seals are still as they were signed.

It takes a few small statements, so that it can be done every minute. What it finds raises an alarm; everything else,
the content of events above all, is for ``audit-webhook verify`` to compare.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

from audit_webhook.checkpoints import Signed, read
from audit_webhook.config import Config
from audit_webhook.evidence_store import EvidenceStore
from audit_webhook.identity import to_text
from audit_webhook.repository import Repository
from audit_webhook.sealing import BEGINNING, Head
from audit_webhook.services.findings import Finding, Findings
from audit_webhook.services.verify_seals import SealCheck, place_of
from audit_webhook.services.verify_trail import Trail
from audit_webhook.services.witness import SLACK_MICROSECONDS
from audit_webhook.signing import read_keys

CHECKPOINTS: Final = 20
SEALS: Final = 100
STREAMS: Final = 64
AGAIN_SECONDS: Final = 5.0
MOST_TOLD: Final = 1_000


class SelfCheck:
    """Remembers the newest sound checkpoint, so that it is missed when it is taken away, and what was told already."""

    def __init__(self, store: EvidenceStore, key_file: str) -> None:
        """Read from this store, and trust the keys that are in the file each time."""
        self._store: Final = store
        self._key_file: Final = Path(key_file)
        self._sound: Signed | None = None
        self._told: set[tuple[str, str]] = set()

    def run(self, pause: Callable[[float], object]) -> list[Finding]:
        """Give what is wrong, and still is some seconds later, each thing once; raises KeyUnusable, StoreUnavailable.

        ``pause`` waits for so many seconds. Looking again keeps a server that is behind the others, or a pruning in
        between two statements, from looking like a break.
        """
        found = self._look()
        if not found:
            return []
        pause(AGAIN_SECONDS)
        again = {(kind, place) for kind, place, _ in self._look()}
        new = [each for each in found if each[:2] in again - self._told][:MOST_TOLD - len(self._told)]
        self._told |= {each[:2] for each in new}
        return new

    def _look(self) -> list[Finding]:
        """Follow the newest checkpoints, compare them with the seals they name, and follow the newest seals."""
        last = self._store.last_checkpoint()
        findings = Findings()
        trail = Trail(self._store, read_keys(self._key_file), findings)
        number, made = last[:2] if last else (0, 0)
        if self._sound is not None:
            trail.take_anchors([self._sound])
            number = min(number, read(self._sound.body).number)
        trail.begin_at(number - CHECKPOINTS)
        trail.follow()
        trail.end()
        check = SealCheck(self._store, trail, findings)
        for head, signed_in in islice(trail.heads.values(), STREAMS):
            check.check_signed(head, signed_in)
        for head in islice(self._store.fresh_heads(made - SLACK_MICROSECONDS), STREAMS) if last else ():
            self._check_end(head, trail, check, findings)
        if last and not findings.first:
            self._sound = last[2]
        return findings.first

    def _check_end(self, newest: Head, trail: Trail, check: SealCheck, findings: Findings) -> None:
        """Follow the last seals of a stream; a batch may be gone only when a pruning was signed."""
        head = Head(newest.stream, 0, BEGINNING)
        for seal, is_there in self._store.seals_after(newest.stream, max(newest.sequence - SEALS, 0), SEALS):
            if head.sequence or seal.sequence == 1:
                check.check_seal(head, seal)
            if not is_there and seal.sealed >= trail.began and not trail.was_pruned(seal.chunk_id, seal.sealed):
                place = place_of(seal.stream, seal.sequence)
                findings.add("MISSING", to_text(seal.chunk_id), f"{place}: a batch of {seal.events} events is gone")
            head = Head(seal.stream, seal.sequence, seal.link)


def open_self_check(config: Config, repository: Repository) -> SelfCheck:
    """Give the check of the settings."""
    return SelfCheck(EvidenceStore(repository.database), config.evidence_key_file)
