"""Signs what the seals have come to: checkpoints, and records of what was deleted on purpose.

Each is numbered, and the number is the key of its row: of several processes one makes it, the others see it there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import cached_property
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from audit_webhook.anchors import anchor
from audit_webhook.checkpoints import BadCheckpoint, Checkpoint, OldDay, Signed, read, sign
from audit_webhook.config import Config
from audit_webhook.errors import DuplicateKey, KeyUnusable, StoreBusy
from audit_webhook.evidence_store import DELETED_AT_ONCE, EvidenceStore
from audit_webhook.identity import time_bound
from audit_webhook.pruning import DAY
from audit_webhook.repository import Repository
from audit_webhook.sealing import BEGINNING, Head
from audit_webhook.signing import Keys, make_or_read_keys, read_keys

logger: Final = logging.getLogger(__name__)

BUSY_MICROSECONDS: Final = 60_000_000
IDLE_MICROSECONDS: Final = 3_600_000_000
SLACK_MICROSECONDS: Final = 600_000_000
"""How far the clocks of writers may differ without a stream being left out of a checkpoint."""
TRIES: Final = 5
CAUGHT_UP: Final = 64
"""Checkpoints that are read at a time; a minute makes one."""
_BUSY: Final = "other processes made checkpoints each time"
NO_CHUNKS: Final = (0, bytes(32))

Last = tuple[int, int, Signed]
"""Number, time in microseconds and bytes of a checkpoint."""


class Witness:
    """Holds the key, from when it is first needed; ``newest`` is when the last checkpoint was made, 0 for unknown."""

    def __init__(
        self, store: EvidenceStore, key_file: str, clock: Callable[[], int],
        publish: Callable[[str], None] = lambda token: None, may_make_key: bool = True,
    ) -> None:
        """Sign with this file's key, none when it is empty; ``publish`` is given each checkpoint in one word.

        The clock gives microseconds. A missing key is made when it may be.
        """
        self._may_make_key: Final = may_make_key
        self._strange_key = b""
        self._store: Final = store
        self._key_file: Final = key_file
        self._publish: Final = publish
        self._clock: Final = clock
        self._signed: dict[bytes, int] = {}
        self.newest = self._known = 0

    @property
    def has_key_file(self) -> bool:
        """Whether anything is to be signed."""
        return bool(self._key_file)

    @cached_property
    def _keys(self) -> Keys:
        return make_or_read_keys(Path(self._key_file)) if self._may_make_key else read_keys(Path(self._key_file))

    def sign_when_due(self, is_last: bool = False) -> bool:
        """Make a checkpoint when something was stored since the last one and a minute has passed, or an hour.

        ``is_last`` does not wait for the minute. Tells whether it was made: what another process has signed first, as
        when all stop at once, is not signed again. Raises KeyUnusable and StoreUnavailable.
        """
        for _ in range(TRIES):
            moment, last = self._clock(), self._store.last_checkpoint()
            heads = self._due(moment, last, is_last)
            if heads is None:
                return False
            if self._insert(moment, last, heads=heads):
                return True
        raise StoreBusy(_BUSY)

    def _due(self, moment: int, last: Last | None, is_last: bool) -> tuple[Head, ...] | None:
        """Give the ends of the streams that are to be signed now; None when nothing is due."""
        if last is None:
            return tuple(self._store.fresh_heads(0))
        number, self.newest, _ = last
        self._catch_up(number)
        age = moment - self.newest
        if not is_last and 0 <= age < BUSY_MICROSECONDS:
            return None
        heads = self._store.fresh_heads(self.newest - SLACK_MICROSECONDS)
        fresh = tuple(head for head in heads if head.sequence > self._signed.get(head.stream, 0))
        return None if not fresh and (is_last or age < IDLE_MICROSECONDS) else fresh

    def _catch_up(self, number: int) -> None:
        """Take for signed what the checkpoints up to a number say; of those before this process, some."""
        known = self._known if 0 < self._known <= number else number - CAUGHT_UP
        for self._known, signed in self._store.checkpoints_after(known, CAUGHT_UP) if known < number else ():
            self._remember(signed)

    def sign_pruning(self, before: int) -> None:
        """Sign that all before a time in milliseconds goes; without a key that is only said on the log."""
        try:
            self._append(self._clock(), pruned=before)
        except KeyUnusable as error:
            logger.warning("what retention deletes will look as if somebody had taken it away: %s", error)

    def trim(self, before: int) -> None:
        """Sign once more that all before a time in milliseconds went, and delete the seals that begin each stream.

        A seal goes when its chunk is gone and all seals before it go too; the signed record says where the rest begins.
        """
        found = [part for stream in self._store.streams() if (part := self._gone(stream, time_bound(before)))]
        try:
            self._append(self._clock(), pruned=before, trimmed=tuple(head for _, head in found))
        except KeyUnusable:
            return  # said by sign_pruning
        for first, head in found:
            for upper in range(first, head.sequence + DELETED_AT_ONCE, DELETED_AT_ONCE):
                self._store.delete_seals(head.stream, min(upper, head.sequence))

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

    def _append(self, moment: int, **content: Any) -> None:
        """Sign and insert the next checkpoint, whoever else makes some; raises KeyUnusable and StoreUnavailable."""
        for _ in range(TRIES):
            if self._insert(moment, self._store.last_checkpoint(), **content):
                return
        raise StoreBusy(_BUSY)

    def _insert(self, moment: int, last: Last | None, **content: Any) -> bool:
        """Sign the checkpoint that follows another one, and insert it; tell whether no other process was quicker."""
        if not self._key_file:
            raise KeyUnusable("EVIDENCE_KEY_FILE is none")
        number, previous = (last[0] + 1, last[2].digest) if last else (1, BEGINNING)
        old = () if last else self._old_days()
        checkpoint = Checkpoint(number, moment, previous, self._keys.public, old=old)._replace(**content)
        signed = sign(checkpoint, self._keys)
        try:
            self._store.insert_checkpoint(number, moment, signed)
        except DuplicateKey:
            return False
        self.newest = moment
        self._remember(signed)
        logger.info("checkpoint %d is signed", number, extra={"checkpoint": signed.token})
        self._publish(signed.token)
        return True

    def _remember(self, signed: Signed) -> None:
        """Take what a checkpoint says for signed already, and say on the log when its key is a strange one."""
        try:
            checkpoint = read(signed.body)
        except BadCheckpoint:
            return  # `audit-webhook verify` tells
        self._signed |= {head.stream: head.sequence for head in checkpoint.heads}
        if checkpoint.key not in self._keys.trusted and checkpoint.key != self._strange_key:
            self._strange_key = checkpoint.key
            logger.error(
                "checkpoint %d was signed with another key than that of EVIDENCE_KEY_FILE: all processes need the "
                "same, and one that was in use before has to stay in the file", checkpoint.number,
                extra={"key": checkpoint.key.hex()},
            )

    def _old_days(self) -> tuple[OldDay, ...]:
        """Give the days of chunks that have no seal, as an earlier version stored them."""
        found: dict[int, tuple[int, bytes]] = {}
        last = b""
        while page := self._store.unsealed_chunks(last):
            for day, chunks in groupby(page, key=day_of_chunk):
                found[day] = extend_day(found.get(day, NO_CHUNKS), chunks)
            last = page[-1]
        return tuple(OldDay(day, *found[day]) for day in sorted(found))


def extend_day(before: tuple[int, bytes], chunks: Iterable[bytes]) -> tuple[int, bytes]:
    """Give the number and the hash of a day's chunks after some more, in the order of their ids."""
    count, digest = before
    for chunk in chunks:
        count, digest = count + 1, sha256(digest + chunk).digest()
    return count, digest


def day_of_chunk(identifier: bytes) -> int:
    """Give the beginning of the day that a chunk lies in, in milliseconds."""
    return int.from_bytes(identifier[:6], "big") // DAY * DAY


def open_witness(
    config: Config, repository: Repository, clock: Callable[[], int], may_make_key: bool = True
) -> Witness:
    """Give the witness of the settings; the clock gives microseconds."""
    return Witness(
        EvidenceStore(repository.database), config.evidence_key_file, clock,
        lambda token: anchor(config.evidence_anchors, token), may_make_key,
    )
