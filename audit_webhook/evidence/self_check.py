"""Looks, while the service runs, whether the newest checkpoints and seals are still as they were signed.

It takes a few small statements, so that it can be done every minute. What it finds raises an alarm; everything else,
the content of events above all, is for ``audit-webhook verify`` to compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from audit_webhook.config import Config
from audit_webhook.evidence.checkpoints import Signed, read
from audit_webhook.evidence.findings import Finding, Findings, name_of
from audit_webhook.evidence.memory import Memory, default_path
from audit_webhook.evidence.signer import open_memory
from audit_webhook.evidence.store import EvidenceStore
from audit_webhook.evidence.verify.seals import SealCheck, place_of
from audit_webhook.evidence.verify.trail import Trail
from audit_webhook.storage.chunks.hash_chain import BEGINNING, Head
from audit_webhook.storage.keys import read_keys
from audit_webhook.storage.repository import Repository

CHECKPOINTS: Final = 20
SEALS: Final = 100
STREAMS: Final = 64
AGAIN_SECONDS: Final = 5.0
MOST_TOLD: Final = 1_000


class SelfCheck:
    """Knows the newest checkpoint, so that it is missed when it is taken away, and what was told already."""

    def __init__(self, store: EvidenceStore, key_file: str, memory: Memory | None = None) -> None:
        """Read from this store, and trust the keys that are in the file each time.

        Without a ``memory``, the newest checkpoint is the one that is remembered beside the key.
        """
        self._store: Final = store
        self._key_file: Final = Path(key_file)
        self._memory: Final = memory or Memory(default_path(key_file))
        self._sound: Signed | None = None
        self._ends: dict[bytes, int] = {}
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
        before, last = self._memory.read(), self._store.last_checkpoint()
        findings = Findings()
        trail = Trail(self._store, read_keys(self._key_file), findings)
        number = last[0] if last else 0
        for known in filter(None, (self._sound, before)):
            trail.take_anchors([known])
            number = min(number, read(known.body).number)
        trail.begin_at(number - CHECKPOINTS)
        trail.follow()
        trail.end()
        check = SealCheck(self._store, trail, findings)
        for head, signed_in in islice(trail.heads.values(), STREAMS):
            check.check_signed(head, signed_in)
        for head in islice(self._growing(trail), STREAMS) if last else ():
            self._check_end(head, trail, check, findings)
        if last and not findings.first:
            self._sound = last[1]
        return findings.first

    def _growing(self, trail: Trail) -> Iterator[Head]:
        """Return where those streams end that the newest checkpoints name, or that have grown beyond what these say."""
        for head in self._store.heads():
            known = trail.heads.get(head.stream)
            grown = self._ends.get(head.stream, 0) < head.sequence
            self._ends[head.stream] = head.sequence
            if known is not None or grown:
                yield head

    def _check_end(self, newest: Head, trail: Trail, check: SealCheck, findings: Findings) -> None:
        """Follow the last seals of a stream; a batch may be gone only when a pruning was signed."""
        head = Head(newest.stream, 0, BEGINNING)
        for seal, is_there in self._store.seals_after(newest.stream, max(newest.sequence - SEALS, 0), SEALS):
            if head.sequence or seal.sequence == 1:
                check.check_seal(head, seal)
            is_known = seal.sealed >= trail.began
            if not is_there and is_known and not trail.was_pruned(seal.chunk_id, seal.stream, seal.sequence):
                place = place_of(seal.stream, seal.sequence)
                findings.add("MISSING", name_of(seal.chunk_id), f"{place}: a batch of {seal.events} events is gone")
            head = Head(seal.stream, seal.sequence, seal.link)


def open_self_check(config: Config, repository: Repository) -> SelfCheck:
    """Give the check of the settings."""
    return SelfCheck(EvidenceStore(repository.database), config.evidence_key_file, open_memory(config, may_write=False))
