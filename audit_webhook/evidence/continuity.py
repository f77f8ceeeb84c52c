"""Tells whether the checkpoints of the database continue the newest one that is remembered outside of it.

Whoever can write the database, without the key, can delete checkpoints and make all seals anew. The key must then sign
nothing: a signature under a history that was rewritten would hide the change. A person decides, by
``audit-webhook accept-history``, which is recorded in the next checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from audit_webhook.errors import HistoryRefused
from audit_webhook.evidence.checkpoints import BadCheckpoint, Checkpoint, Signed, is_signed, read
from audit_webhook.evidence.memory import Memory
from audit_webhook.evidence.store import EvidenceStore
from audit_webhook.storage.chunks.hash_chain import BEGINNING
from audit_webhook.storage.keys import Keys

PAGE: Final = 500
SLACK_MICROSECONDS: Final = 600_000_000
"""How far the clocks of writers and the time of the key file may differ."""
ADVICE: Final = (
    "nothing is signed: run `audit-webhook verify`; if this database is meant to be continued, such as a restored "
    "backup, run `audit-webhook accept-history`"
)


class Continuity:
    """Compares the database with what is remembered, and remembers how far it was right."""

    def __init__(
        self, store: EvidenceStore, memory: Memory, keys: Callable[[], Keys], key_time: Callable[[], int]
    ) -> None:
        """``keys`` returns the trusted keys; ``key_time`` when the file of keys was made, in microseconds."""
        self._store: Final = store
        self._memory: Final = memory
        self._keys: Final = keys
        self._key_time: Final = key_time

    def check(self, last: Signed | None, number: int) -> None:
        """Return when a checkpoint may be signed after this one, the newest of the database, None when it has none.

        ``number`` is that of its row. Raises HistoryRefused and KeyUnusable.
        """
        remembered = self._memory.read()
        if remembered is None:
            if last is None:
                self._check_beginning()
            else:
                self._checked(last, number)
                self._memory.write(last)
            return
        known = read(remembered.body).number
        if last is None or number < known:
            text = f"checkpoint {known} was signed, and the database ends with {number if last else 'none'}"
            raise HistoryRefused("TRUNCATED", f"checkpoint {known}", f"{text}; {ADVICE}")
        if number > known:
            self._follow(known, remembered)
            self._memory.write(last)
        elif last.digest != remembered.digest:
            raise HistoryRefused("BAD_LINK", f"checkpoint {known}", f"it is not the one that was signed; {ADVICE}")

    def _check_beginning(self) -> None:
        """Nothing was ever signed, as far as is known: then no seal is older than the key."""
        made = self._key_time()
        if self._store.has_seal_before(made - SLACK_MICROSECONDS):
            text = "batches were sealed before the key was made, and no checkpoint is left that covers them"
            raise HistoryRefused("TRUNCATED", "checkpoint 1", f"{text}; {ADVICE}")

    def _follow(self, known: int, remembered: Signed) -> None:
        """Follow the checkpoints that came after the remembered one."""
        before, digest = known, remembered.digest
        after = known - 1
        while page := self._store.checkpoints_after(after, PAGE):
            for number, signed in page:
                if number == known and signed.digest != digest:
                    text = f"it is not the one that was signed; {ADVICE}"
                    raise HistoryRefused("BAD_LINK", f"checkpoint {number}", text)
                if number > known:
                    checkpoint = self._checked(signed, number)
                    if checkpoint.resumed is None and (number, checkpoint.previous) != (before + 1, digest):
                        text = f"it does not follow checkpoint {before}; {ADVICE}"
                        raise HistoryRefused("BAD_LINK", f"checkpoint {number}", text)
                before, digest, after = number, signed.digest, number

    def _checked(self, signed: Signed, number: int) -> Checkpoint:
        """Return a checkpoint that a trusted key has signed under the number of its row."""
        try:
            checkpoint = read(signed.body)
        except BadCheckpoint as error:
            raise HistoryRefused("BAD_SIGNATURE", f"checkpoint {number}", f"{error}; {ADVICE}") from error
        if not is_signed(signed, checkpoint.key, self._keys()):
            text = (
                f"it was changed, or signed with another key than that of EVIDENCE_KEY_FILE, {checkpoint.key.hex()}: "
                f"all processes need the same file, and a key that was in use before has to stay in it; {ADVICE}"
            )
            raise HistoryRefused("BAD_SIGNATURE", f"checkpoint {number}", text)
        if checkpoint.number != number:
            raise HistoryRefused("BAD_LINK", f"checkpoint {number}", f"its number was changed; {ADVICE}")
        return checkpoint

    def newest_signed(self) -> tuple[int, bytes]:
        """Return number and digest of the newest checkpoint that is remembered; 0 when none is."""
        remembered = self._memory.read()
        return (read(remembered.body).number, remembered.digest) if remembered else (0, BEGINNING)
