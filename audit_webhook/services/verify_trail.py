"""Follows the signed checkpoints, those of the database and those that were kept elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from audit_webhook.checkpoints import BadCheckpoint, Checkpoint, OldDay, Signed, is_signed, read
from audit_webhook.event import rfc3339
from audit_webhook.evidence_store import EvidenceStore
from audit_webhook.identity import time_bound
from audit_webhook.sealing import BEGINNING, Head
from audit_webhook.services.findings import Findings
from audit_webhook.signing import Keys

CHECKPOINTS_AT_ONCE: Final = 1_000
SLACK_MICROSECONDS: Final = 3_600_000_000
"""How much later than a record of pruning something may have been sealed that this pruning took."""


class Trail:
    """What properly signed checkpoints say: where each stream had come to, and what was deleted on purpose."""

    def __init__(self, store: EvidenceStore, keys: Keys, findings: Findings) -> None:
        """Read from this store, trust these keys, and note here what is wrong."""
        self._store: Final = store
        self._keys: Final = keys
        self._findings: Final = findings
        self._number, self._digest = 0, BEGINNING
        self._anchored: dict[int, bytes] = {}
        self.signed = self.anchors = self.began = 0
        self.newest: Checkpoint | None = None
        self.heads: dict[bytes, tuple[Head, int]] = {}
        self.trimmed: dict[bytes, Head] = {}
        self.old: dict[int, OldDay] = {}
        self._prunings: list[tuple[bytes, int]] = []

    def take_anchors(self, anchors: Iterable[Signed]) -> None:
        """Take checkpoints that were kept elsewhere: those of the database have to be the same."""
        for number, signed in enumerate(anchors, 1):
            checkpoint = self._checked(signed, f"anchor {number}")
            if checkpoint is not None and checkpoint.number not in self._anchored:
                self._anchored[checkpoint.number] = signed.digest
                self.anchors += 1
                self._learn(checkpoint)

    def begin_at(self, number: int) -> None:
        """Take the first checkpoint from a number on as it is and follow from there; ``began`` is when it was made."""
        for own, signed in self._store.checkpoints_after(number - 1, 1) if number > 0 else ():
            self._number, self._digest = own, signed.digest
            checkpoint = self._checked(signed, f"checkpoint {own}")
            self.began = checkpoint.made if checkpoint else 0

    def follow(self) -> None:
        """Read the checkpoints that came since the last time."""
        while page := self._store.checkpoints_after(self._number, CHECKPOINTS_AT_ONCE):
            for number, signed in page:
                self._follow_one(number, signed)

    def end(self) -> None:
        """Note which anchored checkpoints the database has no more."""
        missing = sorted(number for number in self._anchored if number > self._number)
        if missing:
            self._findings.add(
                "TRUNCATED", f"checkpoint {missing[0]}",
                f"an anchor holds checkpoint {missing[-1]}, the database ends with {self._number}",
            )

    def was_pruned(self, chunk: bytes, sealed: int) -> bool:
        """Whether a chunk is one of those that a signed record says were deleted on purpose."""
        if self._covers(chunk, sealed):
            return True
        self.follow()
        return self._covers(chunk, sealed)

    def _covers(self, chunk: bytes, sealed: int) -> bool:
        return any(chunk < bound and sealed <= made + SLACK_MICROSECONDS for bound, made in self._prunings)

    def _follow_one(self, number: int, signed: Signed) -> None:
        place = f"checkpoint {number}"
        if number != self._number + 1:
            self._findings.add("GAP", place, f"checkpoints {self._number + 1} to {number - 1} are missing")
        checkpoint = self._checked(signed, place)
        if checkpoint is not None:
            if checkpoint.number != number or (number == self._number + 1 and checkpoint.previous != self._digest):
                self._findings.add("BAD_LINK", place, "it does not follow the checkpoint before it")
            if self._anchored.get(number, signed.digest) != signed.digest:
                self._findings.add("BAD_LINK", place, "the anchored checkpoint of this number is another one")
            self.signed += 1
            self._learn(checkpoint)
        self._number, self._digest = number, signed.digest

    def _checked(self, signed: Signed, place: str) -> Checkpoint | None:
        """Give a checkpoint when a trusted key has signed it."""
        try:
            checkpoint = read(signed.body)
        except BadCheckpoint as error:
            self._findings.add("BAD_SIGNATURE", place, str(error))
            return None
        if is_signed(signed, checkpoint.key, self._keys):
            return checkpoint
        known = checkpoint.key in self._keys.trusted
        reason = "its signature is not right" if known else f"the key {checkpoint.key.hex()} is not trusted"
        self._findings.add("BAD_SIGNATURE", place, reason)
        return None

    def _learn(self, checkpoint: Checkpoint) -> None:
        if self.newest is None or checkpoint.number > self.newest.number:
            self.newest = checkpoint
        for head in checkpoint.heads:
            if head.stream not in self.heads or head.sequence > self.heads[head.stream][0].sequence:
                self.heads[head.stream] = head, checkpoint.number
        for head in checkpoint.trimmed:
            if head.stream not in self.trimmed or head.sequence > self.trimmed[head.stream].sequence:
                self.trimmed[head.stream] = head
        self.old |= {day.day: day for day in checkpoint.old}
        if checkpoint.pruned:
            bound = time_bound(checkpoint.pruned)
            self._prunings = [each for each in self._prunings if each[0] > bound or each[1] > checkpoint.made]
            self._prunings.append((bound, checkpoint.made))

    @property
    def newest_time(self) -> str:
        """Give when the newest checkpoint was made, as text."""
        return rfc3339(self.newest.made) if self.newest else ""
