"""Packs the raw events of a batch into a chunk, and reads single events out of it again.

A chunk's content is NDJSON, cut at event boundaries into zstd frames (RFC 8878) of about 256 KiB, so that one event
costs one small frame and not the whole chunk. The frame table says where each frame ends, raw and compressed.
"""

from __future__ import annotations

import struct
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Final, NamedTuple

import zstandard

FRAME_BYTES: Final = 256 * 1024
_LEVEL: Final = 3
_ENTRY: Final = struct.Struct("<II")
_tools = threading.local()


class Packed(NamedTuple):
    """A chunk's compressed content, its frame table and the offset of each event in the raw NDJSON."""

    content: bytes
    frames: bytes
    offsets: list[int]
    raw_bytes: int


def pack(raws: Sequence[bytes]) -> Packed:
    """Compress events, in the order given."""
    ends = list(accumulate(len(raw) + 1 for raw in raws))
    frames: list[bytes] = []
    table: list[bytes] = []
    first = frame_start = content_end = 0
    while first < len(raws):
        last = min(bisect_left(ends, frame_start + FRAME_BYTES) + 1, len(raws))
        frames.append(_compressor().compress(b"\n".join((*raws[first:last], b""))))
        content_end += len(frames[-1])
        first, frame_start = last, ends[last - 1]
        table.append(_ENTRY.pack(frame_start, content_end))
    return Packed(b"".join(frames), b"".join(table), [0, *ends[:-1]], frame_start)


def unpack(content: bytes, frames: bytes, spans: Sequence[tuple[int, int]]) -> list[bytes]:
    """Give the raw events at (offset, length) spans of a chunk; one frame at a time is held, decompressed once."""
    table = [(0, 0), *_ENTRY.iter_unpack(frames)]
    events = [b""] * len(spans)
    number, raw = 0, b""
    for offset, length, place in sorted((*span, place) for place, span in enumerate(spans)):
        if offset >= table[number][0]:
            number = bisect_right(table, offset, number, key=itemgetter(0))
            raw = _decompressor().decompress(memoryview(content)[table[number - 1][1]:table[number][1]])
        start = offset - table[number - 1][0]
        events[place] = raw[start:start + length]
    return events


class Damaged(ValueError):
    """A chunk's content is not what its frame table says."""


def unpack_whole(content: bytes, frames: bytes) -> bytes:
    """Give all of a chunk's NDJSON; raises Damaged, and never makes more than the frame table says."""
    parts: list[bytes] = []
    raw_start = content_start = 0
    whole = memoryview(content)
    try:
        for raw_end, content_end in _ENTRY.iter_unpack(frames):
            frame = whole[content_start:content_end]
            if zstandard.frame_content_size(frame) != raw_end - raw_start:
                raise Damaged("a frame is of another length than the frame table says")
            parts.append(_decompressor().decompress(frame))
            raw_start, content_start = raw_end, content_end
    except (zstandard.ZstdError, struct.error) as error:
        raise Damaged(f"it cannot be decompressed: {error}") from error
    if content_start != len(content):
        raise Damaged("there is more of it than the frame table says")
    return b"".join(parts)


def find_any(content: bytes, frames: bytes, needles: Sequence[bytes]) -> list[int]:
    """Give, in order, where in the raw NDJSON a needle stands; of the places in one line, the first of each needle."""
    found: set[int] = set()
    raw_start = content_start = 0
    whole = memoryview(content)
    for raw_end, content_end in _ENTRY.iter_unpack(frames):
        raw = _decompressor().decompress(whole[content_start:content_end])
        for needle in needles:
            found.update(raw_start + place for place in _places(raw, needle))
        raw_start, content_start = raw_end, content_end
    return sorted(found)


def _places(raw: bytes, needle: bytes) -> Iterator[int]:
    place = raw.find(needle)
    while place >= 0:
        yield place
        next_line = raw.find(b"\n", place) + 1
        place = raw.find(needle, next_line) if next_line else -1


def _compressor() -> zstandard.ZstdCompressor:
    """Give this thread's compressor: one must not be used by two threads at once."""
    if not hasattr(_tools, "compressor"):
        _tools.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    compressor: zstandard.ZstdCompressor = _tools.compressor
    return compressor


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_tools, "decompressor"):
        _tools.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _tools.decompressor
    return decompressor
