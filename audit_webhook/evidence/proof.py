"""The proof of one event: all that is needed to check, without the database, that a checkpoint covers its bytes.

It leads from the event's leaf over its path to the root of its batch, over the batch's seal and those after it to the
one that a checkpoint names, and to the signature under that. Of other events it holds hashes alone.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

import orjson

from audit_webhook.errors import InvalidCluster, NoProof
from audit_webhook.events.ids import to_text
from audit_webhook.evidence.checkpoints import BadCheckpoint, find_tokens, is_signed, read
from audit_webhook.evidence.continuity import SLACK_MICROSECONDS
from audit_webhook.evidence.store import EvidenceStore, SealedChunk
from audit_webhook.evidence.verify.chunk import rows_in
from audit_webhook.ingest.admission import check_cluster
from audit_webhook.storage.chunks.frames import Damaged, unpack_whole
from audit_webhook.storage.chunks.hash_chain import (
    BEGINNING, Head, Record, Seal, climb, digest_content, digest_rows, leaves_of, link_of, path_of, record_of,
)
from audit_webhook.storage.keys import Keys
from audit_webhook.storage.repository import Raw, Repository

FORMAT: Final = "audit-webhook proof 3"
CHECKPOINTS_AT_ONCE: Final = 50
MOST_CHECKPOINTS: Final = 500
MOST_SEALS: Final = 20_000


class Unproved(ValueError):
    """The proof does not prove anything; the message says at which step it breaks."""


def make_proof(repository: Repository, event: Raw) -> dict[str, Any]:
    """Give the proof of an event that the reader may see, ready to be written as JSON; raises NoProof."""
    store = EvidenceStore(repository.database)
    chunk = store.chunk_of_event(event.id)
    seal = chunk and store.find_seal(chunk.stream, chunk.sequence)
    if chunk is None or seal is None or seal.chunk_id != chunk.id:
        raise NoProof("this event has no seal: it was stored before there were seals, or somebody took it away")
    token, head = _covering(store, seal)
    seals = _seals_until(store, seal, head.sequence)
    before = store.find_seal(seal.stream, seal.sequence - 1)
    about = {"id": to_text(event.id), "cluster": chunk.cluster, "received": chunk.received}
    return {
        **_tree_part(repository, store, chunk._replace(record=seal.record), event),
        "event": {**about, **_write_raw(event.raw)},
        "stream": seal.stream.hex(),
        "previous": (before.link if before else BEGINNING).hex(),
        "seals": [_write_seal(each) for each in seals],
        "checkpoint": token,
    }


def write_proof(document: dict[str, Any]) -> bytes:
    """Write a proof as JSON for a file."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def check_proof(document: Any, keys: Keys) -> int:
    """Give the time, in microseconds, of the checkpoint that covers a proof's event; raises Unproved."""
    try:
        return _check(document, keys)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError, InvalidCluster) as error:
        if isinstance(error, Unproved):
            raise
        raise Unproved(f"it is no proof of this program: {error!r}") from error


def raw_of(document: Any) -> bytes:
    """Give the bytes of a proof's event; raises ValueError and KeyError."""
    event = document["event"]
    try:
        return base64.b64decode(event["base64"], validate=True) if "base64" in event else str(event["raw"]).encode()
    except binascii.Error as error:
        raise Unproved(f"the event's bytes cannot be read: {error}") from error


def _check(document: Any, keys: Keys) -> int:
    _need(document["format"] == FORMAT, "it is of another format")
    stream = bytes.fromhex(document["stream"])
    seals = [_read_seal(stream, item) for item in document["seals"]]
    event, record, leaf, first = document["event"], document["record"], document["leaf"], seals[0]
    (found,) = leaves_of(event["cluster"], [raw_of(document)])
    root = climb(found, leaf["index"], first.events, [bytes.fromhex(each) for each in leaf["path"]])
    _need(root == first.root, "the event is not in its batch")
    identifier, rows, stored = (bytes.fromhex(record[name]) for name in ("first_id", "rows", "content"))
    is_whole = (len(identifier), len(rows), len(stored)) == (16, 32, 32) and 0 <= event["received"] < 1 << 63
    _need(is_whole, "what stands for the batch in it has not the right length")
    cluster = check_cluster(event["cluster"])
    whole = record_of(Record(cluster, event["received"], identifier, record["raw_bytes"], rows, stored))
    _need(whole == first.record, "cluster or time of receipt are not those that were sealed")
    link = bytes.fromhex(document["previous"])
    for number, seal in enumerate(seals, first.sequence):
        _need(seal.sequence == number and seal.link == link_of(link, seal), f"the seal of batch {number} is not right")
        link = seal.link
    return _check_signature(document["checkpoint"], Head(stream, seals[-1].sequence, link), keys)


def _check_signature(token: str, head: Head, keys: Keys) -> int:
    signed = next(find_tokens(token), None)
    if signed is None:
        raise Unproved("there is no checkpoint in it")
    checkpoint = read(signed.body)
    _need(checkpoint.key in keys.trusted, f"the key {checkpoint.key.hex()} that signed it is not trusted")
    _need(is_signed(signed, checkpoint.key, keys), "the signature under the checkpoint is not right")
    _need(head in checkpoint.heads, "the checkpoint has signed another seal")
    return checkpoint.made


def _need(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise Unproved(otherwise)


def _covering(store: EvidenceStore, seal: Seal) -> tuple[str, Head]:
    """Give the first checkpoint that covers a seal, and the head in it."""
    since, looked = seal.sealed - SLACK_MICROSECONDS, 0
    while looked < MOST_CHECKPOINTS and (page := store.checkpoints_since(since, CHECKPOINTS_AT_ONCE)):
        for signed in page:
            try:
                checkpoint = read(signed.body)
            except BadCheckpoint:
                continue
            for head in checkpoint.heads:
                if head.stream == seal.stream and head.sequence >= seal.sequence:
                    return signed.token, head
            since = checkpoint.made + 1
        looked += CHECKPOINTS_AT_ONCE
        if len(page) < CHECKPOINTS_AT_ONCE:
            break
    raise NoProof("no checkpoint covers this event yet: one is signed every minute while events come in")


def _seals_until(store: EvidenceStore, seal: Seal, last: int) -> list[Seal]:
    """Give a seal and those after it, up to a number."""
    seals = [seal]
    while seals[-1].sequence < last and len(seals) < MOST_SEALS:
        page = [each for each, _ in store.seals_after(seal.stream, seals[-1].sequence)]
        if not page:
            break
        seals += [each for each in page if each.sequence <= last]
    if seals[-1].sequence != last:
        raise NoProof("seals between this event and the checkpoint that covers it are missing")
    return seals


def _tree_part(repository: Repository, store: EvidenceStore, chunk: SealedChunk, event: Raw) -> dict[str, Any]:
    """Return the format, the path from the event to its batch's root, and what else of the batch is sealed."""
    rows = rows_in(store, chunk)
    ((_, frames, content),) = repository.chunk_contents([chunk.id])
    written, stored = digest_rows(rows), digest_content(frames, content)
    known = Record(chunk.cluster, chunk.received, chunk.first_id, chunk.raw_bytes, written, stored)
    if record_of(known) != chunk.record:
        raise NoProof("what is stored of the event's batch is not what was sealed: run `audit-webhook verify`")
    try:
        whole = unpack_whole(content, frames)
    except Damaged as error:
        raise NoProof(f"the event's batch is damaged: {error}") from error
    leaves = leaves_of(chunk.cluster, (whole[row[2]:row[2] + row[3]] for row in rows))
    index = [row[0] for row in rows].index(event.id)
    return {
        "format": FORMAT,
        "leaf": {"index": index, "path": [each.hex() for each in path_of(leaves, index)]},
        "record": {
            "first_id": chunk.first_id.hex(), "raw_bytes": chunk.raw_bytes, "rows": written.hex(),
            "content": stored.hex(),
        },
    }


def _write_raw(raw: bytes) -> dict[str, str]:
    try:
        return {"raw": raw.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def _write_seal(seal: Seal) -> dict[str, Any]:
    return {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in seal._asdict().items() if name != "stream"
    }


def _read_seal(stream: bytes, item: Any) -> Seal:
    return Seal(
        stream, int(item["sequence"]), bytes.fromhex(item["chunk_id"]), int(item["events"]), int(item["sealed"]),
        *(bytes.fromhex(item[name]) for name in ("root", "record", "link")),
    )
