"""Follows the signed checkpoints, those of the database and those that were kept elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final, NamedTuple

from audit_webhook.events.event import rfc3339
from audit_webhook.events.ids import time_bound
from audit_webhook.evidence.checkpoints import BadCheckpoint, Checkpoint, Signed, is_signed, read
from audit_webhook.evidence.findings import Findings
from audit_webhook.evidence.store import EvidenceStore
from audit_webhook.storage.chunks.hash_chain import BEGINNING, Head
from audit_webhook.storage.keys import Keys

CHECKPOINTS_AT_ONCE: Final = 1_000
CLOCK_MICROSECONDS: Final = 600_000_000
"""How far the clocks of those who sign may differ without a word about it."""
MOST_NOTES: Final = 20
DAY: Final = 86_400_000


class _Pruning(NamedTuple):
    """A deletion that was meant: of a stream's batches up to a number and before an id, but for some days."""

    bound: bytes
    last: int
    kept: frozenset[int]

    def covers(self, other: _Pruning) -> bool:
        """Return whether it says all that another one says."""
        return self.bound >= other.bound and self.last >= other.last and self.kept <= other.kept


class Trail:
    """What properly signed checkpoints say: where each stream had come to, and what was deleted on purpose."""

    def __init__(self, store: EvidenceStore, keys: Keys, findings: Findings) -> None:
        """Read from this store, trust these keys, and note here what is wrong."""
        self._store: Final = store
        self._keys: Final = keys
        self._findings: Final = findings
        self._number, self._digest = 0, BEGINNING
        self._anchored: dict[int, tuple[Checkpoint, bytes]] = {}
        self._gaps: list[range] = []
        self._has_ended = False
        self.signed = self.anchors = self.began = 0
        self.newest: Checkpoint | None = None
        self.heads: dict[bytes, tuple[Head, int]] = {}
        self.trimmed: dict[bytes, Head] = {}
        self.notes: list[str] = []
        self._pruned: dict[bytes, list[_Pruning]] = {}
        self._late: set[tuple[bytes, int]] = set()
        self._has_pruned = False
        self._pruned_before = 0

    def take_anchors(self, anchors: Iterable[Signed]) -> None:
        """Take checkpoints that were kept elsewhere: those of the database have to be the same."""
        for number, signed in enumerate(anchors, 1):
            checkpoint = self._checked(signed, f"anchor {number}")
            if checkpoint is None:
                continue
            known = self._anchored.setdefault(checkpoint.number, (checkpoint, signed.digest))
            if known[1] != signed.digest:
                text = "two different checkpoints of this number were signed and kept elsewhere"
                self._findings.add("BAD_LINK", f"checkpoint {checkpoint.number}", text)
        self.anchors = len(self._anchored)

    def begin_at(self, number: int) -> None:
        """Take the first checkpoint from a number on as it is and follow from there; ``began`` is when it was made."""
        for own, signed in self._store.checkpoints_after(number - 1, 1) if number > 0 else ():
            self._number, self._digest = own, signed.digest
            checkpoint = self._checked(signed, f"checkpoint {own}")
            self.began = checkpoint.made if checkpoint else 0
            if checkpoint is not None and checkpoint.resumed is not None:
                self._gaps.append(range(checkpoint.resumed.ended + 1, own))

    def follow(self) -> None:
        """Read the checkpoints that came since the last time."""
        while page := self._store.timed_checkpoints_after(self._number, CHECKPOINTS_AT_ONCE):
            for number, made, signed in page:
                self._follow_one(number, made, signed)

    def end(self) -> None:
        """Learn from the anchors, and note which of them the database has no more."""
        if self.newest is not None and self.newest.made > time.time_ns() // 1000 + CLOCK_MICROSECONDS:
            told = f"checkpoint {self.newest.number} says {rfc3339(self.newest.made)}"
            self._note(f"{told}, a time to come: a clock is wrong")
        self._has_ended = True
        missing = sorted(number for number in self._anchored if number > self._number)
        if missing:
            self._findings.add(
                "TRUNCATED", f"checkpoint {missing[0]}",
                f"checkpoint {missing[-1]} was signed and kept elsewhere, the database ends with {self._number}",
            )
        for number, (checkpoint, _) in sorted(self._anchored.items()):
            if not any(number in gap for gap in self._gaps):
                self._learn(checkpoint)

    @property
    def pruned_before(self) -> int:
        """Return the newest time in milliseconds before which anything was deleted on purpose; 0 for none."""
        return self._pruned_before

    @property
    def has_pruned(self) -> bool:
        """Whether anything was ever deleted on purpose, as far as is known."""
        return self._has_pruned

    def was_pruned(self, chunk: bytes, stream: bytes, sequence: int) -> bool:
        """Return whether a signed record says that this batch of a stream was deleted on purpose."""
        if self._covers(chunk, stream, sequence):
            return True
        self.follow()
        return self._covers(chunk, stream, sequence)

    def _covers(self, chunk: bytes, stream: bytes, sequence: int) -> bool:
        if (stream, sequence) in self._late:
            return True
        day = int.from_bytes(chunk[:6], "big") // DAY * DAY
        return any(
            chunk < each.bound and sequence <= each.last and day not in each.kept
            for each in self._pruned.get(stream, ())
        )

    def _follow_one(self, number: int, made: int, signed: Signed) -> None:
        place = f"checkpoint {number}"
        checkpoint = self._checked(signed, place)
        is_resumed = checkpoint is not None and self._is_resumed(checkpoint, number)
        if number != self._number + 1 and not is_resumed:
            self._findings.add("GAP", place, f"checkpoints {self._number + 1} to {number - 1} are missing")
        if checkpoint is not None:
            self._compare(checkpoint, number, made, is_resumed)
            anchored = self._anchored.get(number)
            if anchored is not None and anchored[1] != signed.digest:
                self._findings.add("BAD_LINK", place, "another checkpoint of this number was kept elsewhere")
            self.signed += 1
            self._note_time(checkpoint)
            self._learn(checkpoint)
        self._number, self._digest = number, signed.digest

    def _compare(self, checkpoint: Checkpoint, number: int, made: int, is_resumed: bool) -> None:
        """Compare what was signed with the row, and with the checkpoint before."""
        place = f"checkpoint {number}"
        follows = is_resumed or number != self._number + 1 or checkpoint.previous == self._digest
        if checkpoint.number != number or not follows:
            self._findings.add("BAD_LINK", place, "it does not follow the checkpoint before it")
        if checkpoint.made != made:
            text = f"its row says another time than the {rfc3339(checkpoint.made)} that was signed"
            self._findings.add("MODIFIED", place, text)

    def _is_resumed(self, checkpoint: Checkpoint, number: int) -> bool:
        """Take a decision to go on with another history; what was signed in between counts no more."""
        resumed = checkpoint.resumed
        if resumed is None or checkpoint.number != number or resumed.ended != self._number:
            return False
        self._gaps.append(range(resumed.ended + 1, number))
        self._note(
            f"checkpoint {number} of {rfc3339(checkpoint.made)} records that a database that ended with checkpoint "
            f"{resumed.ended} was accepted, although checkpoint {resumed.number} had been signed: {resumed.reason!r}"
        )
        return True

    def _note_time(self, checkpoint: Checkpoint) -> None:
        """Note a clock that ran ahead: nothing was changed, but the times that it gave are wrong."""
        if self.newest is not None and self.newest.made > checkpoint.made + CLOCK_MICROSECONDS:
            self._note(
                f"checkpoint {self.newest.number} says {rfc3339(self.newest.made)}, and the one after it "
                f"{rfc3339(checkpoint.made)}: a clock was wrong"
            )

    def note(self, text: str) -> None:
        """Note what is no finding, such as a time that a wrong clock gave."""
        if len(self.notes) < MOST_NOTES:
            self.notes.append(text)

    def _note(self, text: str) -> None:
        """Note it once: what is followed again later was read before."""
        if not self._has_ended:
            self.note(text)

    def _checked(self, signed: Signed, place: str) -> Checkpoint | None:
        """Return a checkpoint when a trusted key has signed it."""
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
        self._late.update((head.stream, head.sequence) for head in checkpoint.late)
        if checkpoint.pruned:
            self._has_pruned = True
            self._pruned_before = max(self._pruned_before, checkpoint.pruned)
            bound = time_bound(checkpoint.pruned)
            for head in checkpoint.heads:
                found = self._pruned.get(head.stream, [])
                own = _Pruning(bound, head.sequence, frozenset(checkpoint.kept))
                self._pruned[head.stream] = [*(each for each in found if not own.covers(each)), own]

    @property
    def newest_time(self) -> str:
        """Return when the newest checkpoint was made, as text."""
        return rfc3339(self.newest.made) if self.newest else ""
