"""Counts the events of a chunk, so that a picture of millions of events needs none of them.

A tally has one entry for each combination of caller, action and namespace, with how many events and raw bytes it
stands for and when they happened. A day is cut into lanes of five minutes, and the counts of a day's lanes lie side by
side in one integer, 32 bits each: one addition of two such integers adds all lanes, and a sum of thousands of entries
costs milliseconds. No lane overflows below 14 million events a second.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import repeat
from operator import add
from typing import Final, NamedTuple

import msgspec
import zstandard

from audit_webhook.events.ids import time_bound

LANE: Final = 300_000
DAY: Final = 86_400_000
LANES: Final = DAY // LANE
LARGEST: Final = 256 * 1024**2
"""Bytes of a tally; one of a million combinations has some hundred megabytes."""
_BITS: Final = 32
_tools = threading.local()

Key = tuple[bytes, bytes, str]
"""The id of a caller, the id of an action, and a namespace."""

_Place = tuple[bytes, bytes, str, int]
"""A key and a lane."""

_Entry = tuple[bytes, bytes, str, int, int, bytes]
"""A key, the raw bytes, the first lane, and the counts from this lane on, four bytes each."""


class Count(NamedTuple):
    """What one key stands for on one day: the events of each lane, side by side, and their raw bytes."""

    lanes: int
    raw_bytes: int


def count_events(
    ids: Sequence[bytes], callers: Iterable[bytes], actions: Iterable[bytes], namespaces: Iterable[str],
    lengths: Iterable[int],
) -> dict[Key, Count]:
    """Count the events of one chunk, which all lie in one day.

    Of each event: its id, the ids of its caller and its action, its namespace, and the length of its raw bytes.
    """
    places = list(zip(callers, actions, namespaces, lanes_of(ids), strict=True))
    sizes: defaultdict[_Place, int] = defaultdict(int)
    for place, length in zip(places, lengths, strict=True):
        sizes[place] += length
    counts: dict[Key, Count] = {}
    for (caller, action, namespace, lane), number in Counter(places).items():
        size = sizes[caller, action, namespace, lane]
        _add(counts, (caller, action, namespace), Count(number << lane * _BITS, size))
    return counts


def lanes_of(ids: Sequence[bytes]) -> list[int]:
    """Return the lane of each id of a chunk's events; most chunks lie in one."""
    lowest = min(ids)
    first, last = _lane(lowest), _lane(max(ids))
    if first == last:
        return [first] * len(ids)
    begins = [time_bound(day_of(lowest) + lane * LANE) for lane in range(first, last + 1)]
    return list(map(add, map(bisect_right, repeat(begins), ids), repeat(first - 1)))


def _lane(identifier: bytes) -> int:
    return int.from_bytes(identifier[:6], "big") % DAY // LANE


def pack(counts: dict[Key, Count]) -> bytes:
    """Write a day's counts as compressed bytes; the same counts give the same bytes."""
    entries = []
    for key, count in sorted(counts.items()):
        first = ((count.lanes & -count.lanes).bit_length() - 1) // _BITS
        lanes = count.lanes >> first * _BITS
        width = (lanes.bit_length() + _BITS - 1) // _BITS * 4
        entries.append((*key, count.raw_bytes, first, lanes.to_bytes(width, "little")))
    return _compressor().compress(_encoder.encode(entries))


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[_Entry])


def merge(tallies: Iterable[bytes]) -> dict[Key, Count]:
    """Add up packed tallies of one day."""
    counts: dict[Key, Count] = {}
    for packed in tallies:
        for caller, action, namespace, size, first, lanes in _decoder.decode(_decompressor().decompress(packed)):
            count = Count(int.from_bytes(lanes, "little") << first * _BITS, size)
            _add(counts, (caller, action, namespace), count)
    return counts


def read_tally(packed: bytes) -> Iterator[tuple[Key, int, int, array[int]]]:
    """Return of each key its raw bytes, its first lane and the events of each lane from this one on.

    Raises ValueError when somebody has put something else in the tally's place.
    """
    try:
        if zstandard.frame_content_size(packed) > LARGEST:
            raise ValueError("it is larger than any tally")
        entries = _decoder.decode(_decompressor().decompress(packed))
    except (zstandard.ZstdError, msgspec.MsgspecError) as error:
        raise ValueError(f"it is no tally: {error}") from error
    for caller, action, namespace, size, first, lanes in entries:
        if not 0 <= first < LANES or len(lanes) % 4 or first + len(lanes) // 4 > LANES:
            raise ValueError("it counts events of another day")
        yield (caller, action, namespace), size, first, array("I", lanes)


def keep_namespaces(packed: bytes, namespaces: Collection[str] | None) -> bytes:
    """Give packed counts of these namespaces alone; None keeps all."""
    if namespaces is None:
        return packed
    return pack({key: count for key, count in merge([packed]).items() if key[2] in namespaces})


def _add(counts: dict[Key, Count], key: Key, more: Count) -> None:
    known = counts.get(key)
    counts[key] = Count(known.lanes + more.lanes, known.raw_bytes + more.raw_bytes) if known else more


def read_lanes(lanes: int) -> array[int]:
    """Give the counts of a day's lanes, one by one."""
    return array("I", lanes.to_bytes(LANES * 4, "little"))


def add_lanes(lanes: int) -> int:
    """Give the sum over a day's lanes."""
    return sum(array("I", lanes.to_bytes((lanes.bit_length() + _BITS - 1) // _BITS * 4, "little")))


def mask_lanes(first: int, last: int) -> int:
    """Give the integer that keeps the lanes from ``first`` up to and without ``last``."""
    return (1 << last * _BITS) - (1 << first * _BITS) if first < last else 0


def day_of(identifier: bytes) -> int:
    """Give the beginning, in milliseconds, of the day that the time of an id lies in."""
    milliseconds = int.from_bytes(identifier[:6], "big")
    return milliseconds - milliseconds % DAY


def sum_id(day: int) -> bytes:
    """Return the id under which each cluster's sum of a day is stored: it lies in the partition of the day."""
    return time_bound(day)


def _compressor() -> zstandard.ZstdCompressor:
    """Give this thread's compressor: one must not be used by two threads at once."""
    if not hasattr(_tools, "compressor"):
        _tools.compressor = zstandard.ZstdCompressor(level=3)
    compressor: zstandard.ZstdCompressor = _tools.compressor
    return compressor


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_tools, "decompressor"):
        _tools.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _tools.decompressor
    return decompressor
