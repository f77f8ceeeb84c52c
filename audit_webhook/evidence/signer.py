"""Signs what the seals have come to: checkpoints, and records of what was deleted on purpose.

Each is numbered, and the number is the key of its row: of several processes one makes it, the others see it there.
Nothing is signed that does not continue the newest checkpoint that is remembered outside of the database.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from audit_webhook.config import Config
from audit_webhook.errors import DuplicateKey, HistoryRefused, KeyUnusable, StoreBusy
from audit_webhook.events.ids import time_bound
from audit_webhook.evidence.checkpoints import BadCheckpoint, Checkpoint, Resumed, Signed, is_signed, read, sign
from audit_webhook.evidence.continuity import SLACK_MICROSECONDS, Continuity
from audit_webhook.evidence.memory import Memory, default_path
from audit_webhook.evidence.publisher import anchor
from audit_webhook.evidence.store import DELETED_AT_ONCE, EvidenceStore
from audit_webhook.storage import server_status as engine_state
from audit_webhook.storage.chunks.hash_chain import BEGINNING, Head
from audit_webhook.storage.keys import Keys, make_or_read_keys, read_keys
from audit_webhook.storage.repository import Repository

logger: Final = logging.getLogger(__name__)

BUSY_MICROSECONDS: Final = 60_000_000
IDLE_MICROSECONDS: Final = 3_600_000_000
TRIES: Final = 5
PAGE: Final = 500
MOST_READ: Final = 20_000
"""Checkpoints that are read back for what they signed; a stream that ended before these is signed once more."""
MOST_HEADS: Final = 5_000
NOWHERE: Final = "none"
_BUSY: Final = "other processes made checkpoints each time"

Last = tuple[int, Signed]
"""The number of a checkpoint's row, and its bytes."""


class Signer:
    """Holds the key, from when it is first needed; ``newest`` is when the last checkpoint was made, 0 for unknown."""

    def __init__(
        self, store: EvidenceStore, key_file: str, clock: Callable[[], int],
        publish: Callable[[str], None] = lambda token: None, may_make_key: bool = True, memory: Memory | None = None,
        skew: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Sign with this file's key, none when it is empty; ``publish`` is given each checkpoint in one word.

        The clock gives microseconds. A missing key is made when it may be. Without a ``memory``, the newest checkpoint
        is remembered beside the key. ``skew`` returns by how many seconds the database's clock is ahead.
        """
        self._skew: Final = skew
        self._has_warned = False
        self._may_make_key: Final = may_make_key
        self._store: Final = store
        self._key_file: Final = key_file
        self._publish: Final = publish
        self._clock: Final = clock
        self._signed: dict[bytes, int] = {}
        self._seen = (0, 0.0)
        self._pruned: tuple[Head, ...] = ()
        self.newest = self._known = 0
        self.memory: Final = memory or Memory(default_path(key_file))
        self._continuity: Final = Continuity(store, self.memory, self._trusted, self._key_time)

    @property
    def has_key_file(self) -> bool:
        """Whether anything is to be signed."""
        return bool(self._key_file)

    @cached_property
    def _keys(self) -> Keys:
        return make_or_read_keys(Path(self._key_file)) if self._may_make_key else read_keys(Path(self._key_file))

    def _trusted(self) -> Keys:
        """Return what the file holds now: another key may have been appended since this process read it."""
        return read_keys(Path(self._key_file))

    def _key_time(self) -> int:
        return Path(self._key_file).stat().st_mtime_ns // 1000

    def make_key(self) -> None:
        """Make the key when there is none, before anything is stored; raises KeyUnusable."""
        if self._key_file:
            assert self._keys.trusted

    def check(self) -> Last | None:
        """Return the newest checkpoint, None when there is none; raises HistoryRefused, KeyUnusable and others."""
        if not self._key_file:
            raise KeyUnusable("EVIDENCE_KEY_FILE is none")
        self.make_key()
        last = self._store.last_checkpoint()
        self._continuity.check(last[1] if last else None, last[0] if last else 0)
        return last

    def sign_when_due(self, is_last: bool = False) -> bool:
        """Make a checkpoint when something was stored since the last one and a minute has passed, or an hour.

        ``is_last`` does not wait for the minute. Tells whether it was made: what another process has signed first, as
        when all stop at once, is not signed again. Raises HistoryRefused, KeyUnusable and StoreUnavailable.
        """
        for _ in range(TRIES):
            moment, last = self._clock(), self.check()
            heads = self._due(moment, last, is_last)
            if heads is None:
                return False
            if self._insert(moment, last, heads=heads):
                return True
        raise StoreBusy(_BUSY)

    def _due(self, moment: int, last: Last | None, is_last: bool) -> tuple[Head, ...] | None:
        """Return the ends of the streams that are to be signed now; None when nothing is due."""
        if last is None:
            return tuple(self._store.heads()[:MOST_HEADS])
        self.newest = read(last[1].body).made
        waited = self._waited(moment, last[0])
        if not is_last and waited < BUSY_MICROSECONDS:
            return None
        self._catch_up(last[0])
        fresh = tuple(head for head in self._store.heads() if head.sequence > self._signed.get(head.stream, 0))
        is_idle = not fresh and (is_last or waited < IDLE_MICROSECONDS)
        return None if is_idle else fresh[:MOST_HEADS]

    def _waited(self, moment: int, number: int) -> int:
        """Return the microseconds since the newest checkpoint, by whichever clock says more.

        One that says a time to come was made by a wrong clock: then there is nothing to wait for.
        """
        if self._seen[0] != number:
            self._seen = number, time.monotonic()
        age = moment - self.newest
        if age < -SLACK_MICROSECONDS:
            return IDLE_MICROSECONDS
        return max(age, round((time.monotonic() - self._seen[1]) * 1_000_000))

    def _catch_up(self, number: int) -> None:
        """Take for signed what the checkpoints up to a number say; at the start, what the newest of them say."""
        known = self._known if 0 < self._known <= number else max(number - MOST_READ, 0)
        while known < number and (page := self._store.checkpoints_after(known, PAGE)):
            for known, signed in page:
                self._remember(signed)
        self._known = known

    def sign_pruning(self, before: int, kept: Iterable[int] = ()) -> None:
        """Sign that all before a time in milliseconds goes, but for the days that are kept; without a key only log it.

        Raises HistoryRefused: what was changed must not be deleted as if that were meant.
        """
        try:
            self._pruned = self._append(pruned=before, kept=tuple(sorted(kept)))
        except KeyUnusable as error:
            logger.warning("what retention deletes will look as if somebody had taken it away: %s", error)

    def trim(self, before: int) -> None:
        """Sign which seals go too, and which batches came late and were deleted all the same; then delete the seals.

        A seal goes when its chunk is gone and all seals before it go too; the signed record says where the rest begins.
        """
        found = [part for stream in self._store.streams() if (part := self._gone(stream, time_bound(before)))]
        late = tuple(self._late(time_bound(before)))
        if not found and not late:
            return
        try:
            self._append(trimmed=tuple(head for _, head in found), late=late)
        except KeyUnusable:
            return  # said by sign_pruning
        for first, head in found:
            for upper in range(first, head.sequence + DELETED_AT_ONCE, DELETED_AT_ONCE):
                self._store.delete_seals(head.stream, min(upper, head.sequence))

    def _late(self, bound: bytes) -> Iterator[Head]:
        """Return the batches that came after the pruning was signed, and that it has deleted too."""
        known = {head.stream: head.sequence for head in self._pruned}
        for newest in self._store.heads():
            last = known.get(newest.stream, 0)
            while last < newest.sequence and (page := self._store.seals_after(newest.stream, last)):
                for seal, is_there in page:
                    last = seal.sequence
                    if not is_there and seal.chunk_id < bound:
                        yield Head(seal.stream, seal.sequence, seal.link)

    def _gone(self, stream: bytes, bound: bytes) -> tuple[int, Head] | None:
        """Give the first number of a stream, and the last seal of those at its beginning whose chunks were pruned."""
        first, last = 0, Head(stream, 0, BEGINNING)
        while page := self._store.seals_after(stream, last.sequence):
            first = first or page[0][0].sequence
            for seal, is_there in page:
                if is_there or seal.chunk_id >= bound:
                    return (first, last) if last.sequence else None
                last = Head(stream, seal.sequence, seal.link)
        return first, last

    def _append(self, **content: Any) -> tuple[Head, ...]:
        """Sign and insert the next checkpoint, over the ends of all streams, whoever else makes some; return these.

        Raises HistoryRefused, KeyUnusable and StoreUnavailable.
        """
        for _ in range(TRIES):
            last, heads = self.check(), tuple(self._store.heads())
            if self._insert(self._clock(), last, heads=heads, **content):
                return heads
        raise StoreBusy(_BUSY)

    def _insert(self, moment: int, last: Last | None, **content: Any) -> bool:
        """Sign the checkpoint that follows another one, and insert it; tell whether no other process was quicker."""
        self._compare_clocks()
        number, previous = (last[0] + 1, last[1].digest) if last else (1, BEGINNING)
        return self._sign(Checkpoint(number, moment, previous, self._keys.public)._replace(**content))

    def _compare_clocks(self) -> None:
        """Log once that this machine and the database do not agree on the time; the order is that of the numbers."""
        skew = self._skew()
        is_wrong = abs(skew) * 1_000_000 > SLACK_MICROSECONDS
        if is_wrong and not self._has_warned:
            logger.error("the database's clock is %.0f seconds ahead of ours: checkpoints may carry a wrong time", skew)
        self._has_warned = is_wrong

    def _sign(self, checkpoint: Checkpoint) -> bool:
        signed = sign(checkpoint, self._keys)
        try:
            self._store.insert_checkpoint(checkpoint.number, checkpoint.made, signed)
        except DuplicateKey:
            return False
        self.memory.write(signed)
        self.newest, self._seen = checkpoint.made, (checkpoint.number, time.monotonic())
        self._remember(signed)
        logger.info("checkpoint %d is signed", checkpoint.number, extra={"checkpoint": signed.token})
        self._publish(signed.token)
        return True

    def _remember(self, signed: Signed) -> None:
        """Take what a checkpoint says for signed already."""
        try:
            checkpoint = read(signed.body)
        except BadCheckpoint:
            return  # `audit-webhook verify` tells
        if checkpoint.resumed is not None:
            self._signed.clear()
        for head in checkpoint.heads:
            self._signed[head.stream] = max(head.sequence, self._signed.get(head.stream, 0))

    def accept(self, reason: str) -> Resumed | None:
        """Go on from what the database holds, whatever was signed before, and record that; None when it continues.

        Checkpoints that no trusted key has signed are deleted from its end. Raises KeyUnusable and StoreUnavailable.
        """
        try:
            self.check()
        except HistoryRefused:
            return self._resume(reason)
        return None

    def _resume(self, reason: str) -> Resumed:
        last = self._store.last_checkpoint()
        while last is not None and not self._is_trusted(last):
            logger.warning("checkpoint %d was not signed with a trusted key, and is deleted", last[0])
            self._store.delete_checkpoint(last[0])
            last = self._store.last_checkpoint()
        ended, digest = (last[0], last[1].digest) if last else (0, BEGINNING)
        known, remembered = self._continuity.newest_signed()
        number, previous = (known, remembered) if known >= ended else (ended, digest)
        resumed = Resumed(known, remembered, ended, reason)
        heads = tuple(self._store.heads())
        checkpoint = Checkpoint(number + 1, self._clock(), previous, self._keys.public, heads, resumed=resumed)
        if not self._sign(checkpoint):
            raise StoreBusy(_BUSY)
        return resumed

    def _is_trusted(self, last: Last) -> bool:
        try:
            checkpoint = read(last[1].body)
        except BadCheckpoint:
            return False
        return checkpoint.number == last[0] and is_signed(last[1], checkpoint.key, self._trusted())


def open_signer(
    config: Config, repository: Repository, clock: Callable[[], int], may_make_key: bool = True,
    may_remember: bool = True,
) -> Signer:
    """Return the signer that the settings describe; the clock returns microseconds."""
    return Signer(
        EvidenceStore(repository.database), config.evidence_key_file, clock,
        lambda token: anchor(config.evidence_anchors, token), may_make_key,
        open_memory(config, may_remember), lambda: engine_state.clock_skew(repository.database),
    )


def open_memory(config: Config, may_write: bool = True) -> Memory:
    """Return what remembers the newest checkpoint, by the settings."""
    if not config.evidence_key_file or config.evidence_last_file == NOWHERE:
        return Memory(None, may_write)
    path = Path(config.evidence_last_file) if config.evidence_last_file else default_path(config.evidence_key_file)
    return Memory(path, may_write)
