"""Signed checkpoints: what the seals had come to at a time, in a form that can be kept where nobody changes it.

A checkpoint names the newest seal of each stream that went on, and carries the hash of the checkpoint before it. With
the key out of the database's reach, nobody can write another history that fits. What was deleted on purpose is signed
in the same way, and so is the decision of a person to go on with another history than the one that was signed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from audit_webhook.events.event import rfc3339
from audit_webhook.storage.chunks.hash_chain import Head
from audit_webhook.storage.keys import Keys

_SIGNED: Final = b"audit-webhook checkpoint 2\n"
_TOKEN: Final = re.compile(r"audit-checkpoint\.([A-Za-z0-9_-]{1,4000000})\.([A-Za-z0-9_-]{86})(?![A-Za-z0-9_-])")


class BadCheckpoint(ValueError):
    """The bytes are no checkpoint."""


class Resumed(NamedTuple):
    """The decision to go on with a history that does not continue the signed one, such as that of a restored backup.

    ``number`` and ``digest`` are those of the newest checkpoint that was remembered, 0 for none; ``ended`` is the
    number of the newest one in the database then; ``reason`` is what the person gave.
    """

    number: int
    digest: bytes
    ended: int
    reason: str


class Checkpoint(NamedTuple):
    """What is signed. ``made`` is in microseconds; all lists may be empty.

    ``pruned``: everything before this time in milliseconds up to the ``heads`` was deleted on purpose; 0 when nothing
    was. ``kept``: days before it, in milliseconds, that were left, because a batch of them had come late.
    ``late``: batches before the last ``pruned`` that came while it was deleted, and were deleted too.
    ``trimmed``: the seals of a stream up to this one were deleted, since all of their chunks had been pruned.
    """

    number: int
    made: int
    previous: bytes
    key: bytes
    heads: tuple[Head, ...] = ()
    pruned: int = 0
    kept: tuple[int, ...] = ()
    late: tuple[Head, ...] = ()
    trimmed: tuple[Head, ...] = ()
    resumed: Resumed | None = None


class Signed(NamedTuple):
    """The bytes of a checkpoint and the signature under them."""

    body: bytes
    signature: bytes

    @property
    def digest(self) -> bytes:
        """Give what the next checkpoint says of this one."""
        return sha256(self.body).digest()

    @property
    def token(self) -> str:
        """Write it as one word, which any log, message or file can carry."""
        return f"audit-checkpoint.{_encode(self.body)}.{_encode(self.signature)}"


def sign(checkpoint: Checkpoint, keys: Keys) -> Signed:
    """Write a checkpoint and sign it; raises KeyUnusable."""
    body = orjson.dumps({
        "number": checkpoint.number,
        "time": rfc3339(checkpoint.made),
        "made": checkpoint.made,
        "previous": checkpoint.previous.hex(),
        "key": checkpoint.key.hex(),
        "heads": [_write_head(head) for head in checkpoint.heads],
        "pruned": checkpoint.pruned,
        "kept": list(checkpoint.kept),
        "trimmed": [_write_head(head) for head in checkpoint.trimmed],
        "late": [_write_head(head) for head in checkpoint.late],
        "resumed": _write_resumed(checkpoint.resumed),
    })
    return Signed(body, keys.sign(_SIGNED + body))


def is_signed(signed: Signed, key: bytes, keys: Keys) -> bool:
    """Whether the signature is that of a trusted key, the one that the checkpoint names."""
    return keys.has_signed(key, signed.signature, _SIGNED + signed.body)


def read(body: bytes) -> Checkpoint:
    """Read what was signed; raises BadCheckpoint."""
    try:
        found = orjson.loads(body)
        return Checkpoint(
            int(found["number"]), int(found["made"]), _digest(found["previous"]), _digest(found["key"]),
            tuple(map(_read_head, found["heads"])), int(found["pruned"]), tuple(map(int, found["kept"])),
            tuple(map(_read_head, found["late"])), tuple(map(_read_head, found["trimmed"])),
            _read_resumed(found["resumed"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise BadCheckpoint(f"it is no checkpoint: {error}") from error


def find_tokens(text: str) -> Iterator[Signed]:
    """Give the checkpoints that a text holds, whatever stands around them."""
    for found in _TOKEN.finditer(text):
        try:
            yield Signed(_decode(found[1]), _decode(found[2]))
        except binascii.Error:
            continue


def _write_head(head: Head) -> list[object]:
    return [head.stream.hex(), head.sequence, head.link.hex()]


def _read_head(found: Any) -> Head:
    stream, sequence, link = found
    return Head(bytes.fromhex(stream), int(sequence), _digest(link))


def _write_resumed(resumed: Resumed | None) -> list[object] | None:
    return resumed and [resumed.number, resumed.digest.hex(), resumed.ended, resumed.reason]


def _read_resumed(found: Any) -> Resumed | None:
    if found is None:
        return None
    number, digest, ended, reason = found
    return Resumed(int(number), _digest(digest), int(ended), str(reason))


def _digest(text: str) -> bytes:
    digest = bytes.fromhex(text)
    if len(digest) != 32:
        raise ValueError("a hash of another length")
    return digest


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
