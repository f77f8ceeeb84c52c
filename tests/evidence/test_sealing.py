"""Seals: what is hashed, how the tree is built, and that every event stored is sealed with it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest

from audit_webhook.config import Config
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.chunks import hash_chain as sealing
from audit_webhook.storage.repository import Repository, open_repository
from tests.factories import NOON_US, audit_event, event_list


def rfc6962_root(leaves: Sequence[bytes]) -> bytes:
    """Give the root as the RFC defines it, by the largest power of two below the number of leaves."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + rfc6962_root(leaves[:split]) + rfc6962_root(leaves[split:])).digest()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 100, 257])
def test_tree_is_that_of_the_rfc_and_every_leaf_has_its_path(count: int) -> None:
    leaves = sealing.leaves_of("prod", [b"%d" % number for number in range(count)])
    root = sealing.root_of(leaves)
    assert root == rfc6962_root(leaves)
    for index, leaf in enumerate(leaves):
        path = sealing.path_of(leaves, index)
        assert sealing.climb(leaf, index, count, path) == root
        assert sealing.climb(leaf, index, count, [*path, leaf]) is None
        assert not path or sealing.climb(leaf, index, count, path[:-1]) is None
        assert count == 1 or sealing.climb(leaf, index ^ 1, count, path) != root
        assert sealing.climb(leaf, index + count, count, path) is None
    assert sealing.climb(root, count, count, []) is sealing.climb(root, -1, count, []) is None


def test_rows_that_differ_in_where_a_value_ends_have_different_hashes() -> None:
    def row(namespace: str, name: str) -> sealing.EventRow:
        return bytes(16), bytes(16), 0, 9, bytes(16), bytes(16), bytes(16), namespace, name, "/"

    assert len({sealing.digest_rows([row(*pair)]) for pair in (("ab", "c"), ("a", "bc"), ("", "abc"))}) == 3


@pytest.mark.parametrize("field", sealing.Seal._fields[:-1])
def test_link_depends_on_every_field(field: str) -> None:
    seal = sealing.seal_next(sealing.Head(bytes(8), 4, bytes(32)), bytes(16), 5, 6, bytes(32), bytes(32))
    value = getattr(seal, field)
    other = seal._replace(**{field: value + 1 if isinstance(value, int) else b"\1" + value[1:]})
    assert seal.link == sealing.link_of(bytes(32), seal)
    assert len({seal.link, sealing.link_of(bytes(32), other), sealing.link_of(b"\1" + bytes(31), seal)}) == 3


def seals(repository: Repository) -> list[sealing.Seal]:
    with repository.database.read() as cursor:
        cursor.execute("SELECT stream, sequence, chunk_id, events, sealed, root, record, link FROM seals "
                       "ORDER BY sealed, sequence")
        return [sealing.Seal(*row) for row in cursor.fetchall()]


def chunks(repository: Repository) -> set[tuple[object, ...]]:
    with repository.database.read() as cursor:
        cursor.execute("SELECT stream, sequence, id, events FROM chunks")
        return set(cursor.fetchall())


def test_every_chunk_is_sealed_and_each_seal_follows_the_one_before(repository: Repository) -> None:
    for number in range(3):
        batch = [audit_event(number), audit_event(number + 700)]
        assert receive(repository, "prod", event_list(batch), NOON_US).stored == 2
    found = seals(repository)
    assert {seal[:4] for seal in found} == chunks(repository)
    assert [seal.sequence for seal in found] == [1, 2, 3, 4, 5, 6]
    assert len({seal.stream for seal in found}) == 1
    for before, seal in zip([sealing.BEGINNING, *(seal.link for seal in found)], found):
        assert seal.link == sealing.link_of(before, seal)


def test_batch_that_is_sent_again_makes_no_seal(repository: Repository) -> None:
    first, second = [audit_event() for _ in range(2)]
    for batch in ([first], [first], [second, first], [second, first]):
        receive(repository, "prod", event_list(batch), NOON_US)
    assert [seal.events for seal in seals(repository)] == [1, 1]
    assert {seal[:4] for seal in seals(repository)} == chunks(repository)


def test_several_writers_seal_in_streams_of_their_own(engine: Config) -> None:
    writers = [open_repository(engine) for _ in range(2)]
    writers[0].migrate()
    for turn in range(3):
        for writer in writers:
            receive(writer, "prod", event_list([audit_event(turn)]), NOON_US)
    found = seals(writers[0])
    for writer in writers:
        writer.close()
    assert len({seal.stream for seal in found}) == 2
    assert sorted(seal.sequence for seal in found) == [1, 1, 2, 2, 3, 3]
