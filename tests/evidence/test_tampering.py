"""A hundred tamperings of each kind with a sealed store, on each engine: each is found and named."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from audit_webhook.config import Config
from audit_webhook.events.ids import to_text
from audit_webhook.evidence.verify.chunk import rows_in
from audit_webhook.ingest.read_events import identify
from audit_webhook.storage.chunks.frames import pack, unpack_whole
from audit_webhook.storage.chunks.hash_chain import (
    BEGINNING, Record, Seal, digest_content, digest_rows, leaves_of, link_of, record_of, root_of,
)
from tests.conftest import development
from tests.factories import NOON_US, audit_event, encode
from tests.mariadb import MariaDB
from tests.sealed_store import Evidence

BATCHES, EVENTS = 6, 7
TIMES = 100
SEAL = "SELECT stream, sequence, chunk_id, events, sealed, root, record, link FROM seals"
CHUNK = "SELECT id, cluster, received, first_id, raw_bytes, frames, content, stream, sequence FROM chunks"

Tampering = Callable[[Evidence, random.Random], tuple[str, str]]
"""Changes something, and gives the kind and the place that have to be found."""


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def evidence(
    request: pytest.FixtureRequest, mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Evidence]:
    """One filled and signed store for all tamperings, on each engine."""
    folder = tmp_path_factory.mktemp("evidence")
    on_server = mariadb.environment("tampering") if request.param == "mariadb" else {}
    config: Config = development(DB_PATH=str(folder / "audit.db"), **on_server)
    made = Evidence(config, folder / "evidence.key")
    made.fill(BATCHES, EVENTS)
    assert made.found(with_anchors=True) == []
    yield made
    made.repository.close()


def flip_bit(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Flip one bit of an event's JSON and pack the batch anew."""
    chunk, *_, frames, content, _, _ = chance.choice(evidence.rows(CHUNK))
    event, offset, length = chance.choice(
        evidence.rows("SELECT id, chunk_offset, chunk_length FROM events WHERE chunk_id = %s", chunk)
    )
    whole = bytearray(unpack_whole(content, frames))
    place = offset + chance.randrange(length)
    whole[place] ^= 1 << chance.randrange(8)
    write_content(evidence, chunk, bytes(whole))
    return "MODIFIED", to_text(event)


def write_content(evidence: Evidence, chunk: bytes, whole: bytes) -> None:
    packed = pack([whole[:-1]])
    evidence.change("UPDATE chunks SET content = %s, frames = %s WHERE id = %s", packed.content, packed.frames, chunk)


def flip_stored_bit(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Flip one bit of a batch as it lies on the disk; one by which no event reads differently is left alone."""
    chunk, *_, content, _, _ = chance.choice(evidence.rows(CHUNK))
    whole = unpacked(content, evidence, chunk)
    changed, found = content, whole
    while found == whole:
        place = chance.randrange(len(content))
        changed = content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1:]
        found = unpacked(changed, evidence, chunk)
    evidence.change("UPDATE chunks SET content = %s WHERE id = %s", changed, chunk)
    return "MODIFIED", "" if found is not None else to_text(chunk)


def unpacked(content: bytes, evidence: Evidence, chunk: bytes) -> bytes | None:
    """Give what a content unpacks to, None when it does not."""
    ((frames,),) = evidence.rows("SELECT frames FROM chunks WHERE id = %s", chunk)
    try:
        return unpack_whole(content, frames)
    except ValueError:
        return None


def join_events(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Put something else between two events than the line break: a scan by lines would pass over the second."""
    chunk, *_, content, _, _ = chance.choice(evidence.rows(CHUNK))
    *lines, _ = (unpacked(content, evidence, chunk) or b"").split(b"\n")
    place = chance.randrange(len(lines) - 1)
    packed = pack([*lines[:place], b" ".join(lines[place:place + 2]), *lines[place + 2:]])
    evidence.change("UPDATE chunks SET content = %s, frames = %s WHERE id = %s", packed.content, packed.frames, chunk)
    return "MODIFIED", to_text(chunk)


def delete_row(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Delete the row by which an event is found."""
    event, *_ = chance.choice(evidence.rows("SELECT id FROM events"))
    evidence.change("DELETE FROM events WHERE id = %s", event)
    return "MISSING", to_text(event)


def change_row(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Let the row of an event say something else than the event."""
    event, *_ = chance.choice(evidence.rows("SELECT id FROM events"))
    column, value = chance.choice(
        [("namespace", "other"), ("name", "other"), ("request_uri", "/other"), ("audit_key", bytes(16)),
         ("caller_id", bytes(16)), ("action_id", bytes(16)), ("chunk_offset", 1), ("chunk_length", 5)]
    )
    evidence.change(f"UPDATE events SET {column} = %s WHERE id = %s", value, event)
    return "MODIFIED", to_text(event)


def delete_batch(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Delete a batch and the rows of its events."""
    chunk, *_ = chance.choice(evidence.rows(CHUNK))
    evidence.change("DELETE FROM events WHERE chunk_id = %s", chunk)
    evidence.change("DELETE FROM chunks WHERE id = %s", chunk)
    return "MISSING", to_text(chunk)


def delete_batch_and_seal(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Delete a batch with all that is known of it."""
    stream, sequence, chunk, *_ = chance.choice(evidence.rows(SEAL))
    for table, column in (("events", "chunk_id"), ("chunks", "id"), ("seals", "chunk_id")):
        evidence.change(f"DELETE FROM {table} WHERE {column} = %s", chunk)
    is_last = sequence == BATCHES
    return "TRUNCATED" if is_last else "GAP", f"stream {stream.hex()} batch {sequence + (-1 if is_last else 1)}"


def insert_row(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Insert a second row for an event under an id of its own."""
    row = list(chance.choice(evidence.rows("SELECT * FROM events")))
    row[0] = row[0][:8] + chance.randbytes(8)
    evidence.change(f"INSERT INTO events VALUES ({', '.join(['%s'] * len(row))})", *row)
    return "EXTRA", to_text(row[0])


def insert_event(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Add an event to a batch, with its row, so that everything but the seal fits."""
    chunk, cluster, *_, frames, content, _, _ = chance.choice(evidence.rows(CHUNK))
    raws = unpack_whole(content, frames).split(b"\n")[:-1]
    model = evidence.rows("SELECT * FROM events WHERE chunk_id = %s", chunk)[0]
    seconds = (int.from_bytes(model[0][:6], "big") * 1000 - NOON_US) / 1_000_000
    added = identify("prod", encode(audit_event(seconds, requestURI=f"/forged/{chance.random()}")))
    offset = sum(len(raw) + 1 for raw in raws)
    packed = pack([*raws, added.raw])
    evidence.change("UPDATE chunks SET content = %s, frames = %s, events = events + 1, raw_bytes = %s WHERE id = %s",
                    packed.content, packed.frames, packed.raw_bytes, chunk)
    row = (added.id, chunk, offset, len(added.raw), *model[4:])
    evidence.change(f"INSERT INTO events VALUES ({', '.join(['%s'] * len(row))})", *row)
    return "EXTRA", to_text(added.id)


def insert_batch(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Insert a whole batch, which nobody has sealed."""
    row = list(chance.choice(evidence.rows("SELECT * FROM chunks")))
    row[0], row[2], row[3] = row[0][:8] + chance.randbytes(8), chance.randbytes(8), chance.randrange(9)
    evidence.change(f"INSERT INTO chunks VALUES ({', '.join(['%s'] * len(row))})", *row)
    return "UNSEALED", to_text(row[0])


def swap_events(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Let two events of a batch change places, rows and all."""
    chunk, *_, frames, content, _, _ = chance.choice(evidence.rows(CHUNK))
    raws = unpack_whole(content, frames).split(b"\n")[:-1]
    ids = [row[0] for row in evidence.rows("SELECT id FROM events WHERE chunk_id = %s ORDER BY chunk_offset", chunk)]
    first, second = chance.sample(range(len(raws)), 2)
    for each in (raws, ids):
        each[first], each[second] = each[second], each[first]
    packed = pack(raws)
    evidence.change("UPDATE chunks SET content = %s, frames = %s WHERE id = %s", packed.content, packed.frames, chunk)
    for identifier, offset in zip(ids, packed.offsets, strict=True):
        evidence.change("UPDATE events SET chunk_offset = %s WHERE id = %s", offset, identifier)
    return "REORDERED", to_text(chunk)


def swap_batches(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Let the seals of two batches change places."""
    (stream, first, *one), (_, second, *other) = chance.sample(evidence.rows(SEAL), 2)
    columns = "chunk_id = %s, events = %s, sealed = %s, root = %s, record = %s, link = %s"
    for sequence, values in ((first, other), (second, one)):
        evidence.change(f"UPDATE seals SET {columns} WHERE stream = %s AND sequence = %s", *values, stream, sequence)
    return "BAD_LINK", f"stream {stream.hex()} batch {min(first, second)}"


def seal_anew(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Change an event and make its seal and all that follow anew, as somebody can who has no key."""
    flip_bit(evidence, chance)
    seals = [Seal(*row) for row in evidence.rows(f"{SEAL} ORDER BY sequence")]
    link = BEGINNING
    for seal in seals:
        link = link_of(link, renewed := reseal(evidence, seal))
        evidence.change("UPDATE seals SET root = %s, record = %s, link = %s WHERE stream = %s AND sequence = %s",
                        renewed.root, renewed.record, link, seal.stream, seal.sequence)
    return "BAD_LINK", f"stream {seals[-1].stream.hex()} batch {BATCHES}"


def reseal(evidence: Evidence, seal: Seal) -> Seal:
    found = evidence.rows(f"{CHUNK} WHERE id = %s", seal.chunk_id)
    chunk, cluster, received, first, size, frames, content, *_ = found[0]
    rows = rows_in(evidence.store, evidence.store.sealed_chunks(chunk, b"\xff" * 16, 1)[0])
    whole = unpack_whole(content, frames)
    cluster = cluster.decode() if isinstance(cluster, bytes) else cluster
    root = root_of(leaves_of(cluster, [whole[row[2]:row[2] + row[3]] for row in rows]))
    return seal._replace(root=root, record=record_of(Record(
        cluster, received, first, size, digest_rows(rows), digest_content(frames, content)
    )))


def change_batch(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Let a batch be of another cluster or another time."""
    chunk, *_ = chance.choice(evidence.rows(CHUNK))
    column, value = chance.choice(
        [("cluster", "other"), ("received", 5), ("first_id", bytes(16)), ("events", 1), ("raw_bytes", 1)]
    )
    evidence.change(f"UPDATE chunks SET {column} = %s WHERE id = %s", value, chunk)
    return "MODIFIED", to_text(chunk)


def change_caller(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Let an event look like somebody else's, or the action like another one."""
    table, column = chance.choice([("callers", "username"), ("callers", "source_ip"), ("actions", "verb")])
    ((identifier,), *_) = evidence.rows(f"SELECT id FROM {table}")
    evidence.change(f"UPDATE {table} SET {column} = %s WHERE id = %s", "somebody", identifier)
    return "MODIFIED", f"{table[:-1]} {identifier.hex()}"


def delete_caller(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Take away what a search joins, so that no event is found any more."""
    table = chance.choice(["callers", "actions"])
    ((identifier,), *_) = evidence.rows(f"SELECT id FROM {table}")
    evidence.change(f"DELETE FROM {table} WHERE id = %s", identifier)
    return "MISSING", f"{table[:-1]} {identifier.hex()}"


def change_checkpoint(evidence: Evidence, chance: random.Random) -> tuple[str, str]:
    """Flip a bit of what was signed, or of the signature."""
    column = chance.choice(["body", "signature"])
    ((number, value),) = evidence.rows(f"SELECT number, {column} FROM checkpoints")
    changed = bytearray(value)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    evidence.change(f"UPDATE checkpoints SET {column} = %s WHERE number = %s", bytes(changed), number)
    return "BAD_SIGNATURE", f"checkpoint {number}"


TAMPERINGS: tuple[Tampering, ...] = (
    flip_bit, flip_stored_bit, join_events, delete_row, change_row, delete_batch, delete_batch_and_seal, insert_row,
    insert_event, insert_batch, swap_events, swap_batches, seal_anew, change_batch, change_caller, delete_caller,
    change_checkpoint,
)
TABLES = ("events", "chunks", "seals", "callers", "actions", "checkpoints", "postings", "tallies")


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: each.__name__)
def test_tampering_is_found_and_named(evidence: Evidence, tampering: Tampering) -> None:
    missed: list[Any] = []
    for number in range(TIMES):
        chance = random.Random(number)
        with evidence.undone(*TABLES):
            kind, place = tampering(evidence, chance)
            found = evidence.found()
            if not any(each.kind == kind and place in each.place for each in found):
                missed.append((number, kind, place, found))
    assert missed == []
    assert evidence.found(with_anchors=True) == []


def test_tail_that_is_cut_off_with_its_checkpoint_is_seen_by_what_is_kept_elsewhere(evidence: Evidence) -> None:
    for number in range(TIMES):
        chance = random.Random(number)
        with evidence.undone(*TABLES):
            last = chance.randrange(BATCHES)
            for chunk, *_ in evidence.rows("SELECT chunk_id FROM seals WHERE sequence > %s", last):
                evidence.change("DELETE FROM events WHERE chunk_id = %s", chunk)
                evidence.change("DELETE FROM chunks WHERE id = %s", chunk)
                evidence.change("DELETE FROM seals WHERE chunk_id = %s", chunk)
            evidence.change("DELETE FROM checkpoints")
            assert not evidence.verify().checkpoints
            for with_anchors in (False, True):
                assert "TRUNCATED" in evidence.kinds(with_anchors)
