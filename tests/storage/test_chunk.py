"""Chunks give back what was packed, byte for byte."""

from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from audit_webhook.storage.chunks.frames import FRAME_BYTES, pack, unpack


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=40))
def test_every_event_comes_back_as_it_was(raws: list[bytes]) -> None:
    packed = pack(raws)
    spans = list(zip(packed.offsets, map(len, raws), strict=True))
    assert unpack(packed.content, packed.frames, spans) == raws


def test_large_batches_are_cut_into_frames_at_event_boundaries() -> None:
    raws = [bytes([65 + number % 26]) * 100_000 for number in range(12)]
    packed = pack(raws)
    assert len(packed.frames) // 8 == 4
    spans = list(zip(packed.offsets, map(len, raws), strict=True))
    assert unpack(packed.content, packed.frames, spans[::-1]) == raws[::-1]


def test_event_larger_than_a_frame_is_kept_whole() -> None:
    raws = [b"a", b"b" * (3 * FRAME_BYTES), b"c"]
    packed = pack(raws)
    assert unpack(packed.content, packed.frames, [(packed.offsets[1], len(raws[1]))]) == [raws[1]]


def test_threads_pack_at_the_same_time() -> None:
    raws = [b"%d" % number * 100 for number in range(2_000)]
    expected = pack(raws)
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(pack(raws) == expected)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8
