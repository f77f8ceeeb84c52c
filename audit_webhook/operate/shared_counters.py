"""Numbers that several processes keep in memory they share, so that any of them can tell the sum.

Each process has a place of its own and alone writes there. A place holds records, a record a fixed count of numbers,
twice: an update writes the copy that is not valid and then, with a single store, makes it the valid one. So a process
that is killed at any moment leaves each record as it was before or after an update, and its successor goes on from it.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Mapping
from typing import Final

OTHERS: Final = "(others)"
NAME_NUMBERS: Final = 8  # 64 bytes: the longest name of a cluster has 63
READ_TRIES: Final = 1000
_WORD: Final = 8


class SharedCounters:
    """Places for processes; made before they are forked, and shared by them from then on."""

    def __init__(self, places: int, records: int, numbers: int) -> None:
        """Make room for so many places of so many records of so many numbers; pages never touched cost nothing."""
        self.places: Final = places
        self.records: Final = records
        self.numbers: Final = numbers
        self._stride = NAME_NUMBERS + 1 + 2 * numbers
        self._memory = mmap.mmap(-1, places * records * self._stride * _WORD)
        self._words: memoryview[float] = memoryview(self._memory).cast("d")

    def read(self, place: int, record: int) -> list[float]:
        """Give a record's numbers as one update left them."""
        start = self._start(place, record)
        for _ in range(READ_TRIES):
            version = self._words[start]
            numbers: list[float] = list(self._words[self._copy(start, version)])
            if self._words[start] == version:
                break
        return numbers

    def write(self, place: int, record: int, numbers: memoryview[float]) -> None:
        """Put numbers, as many as a record has, in the place of a record's."""
        start = self._start(place, record)
        following = self._words[start] + 1
        self._words[self._copy(start, following)] = numbers
        self._words[start] = following

    def name(self, place: int, record: int) -> str:
        """Give the name of a record; empty when it is not used yet."""
        start = (self._start(place, record) - NAME_NUMBERS) * _WORD
        return self._memory[start:start + NAME_NUMBERS * _WORD].rstrip(b"\0").decode()

    def set_name(self, place: int, record: int, name: str) -> None:
        """Name a record, with up to 64 bytes of UTF-8."""
        start = (self._start(place, record) - NAME_NUMBERS) * _WORD
        self._memory[start:start + NAME_NUMBERS * _WORD] = name.encode().ljust(NAME_NUMBERS * _WORD, b"\0")

    def _start(self, place: int, record: int) -> int:
        return (place * self.records + record) * self._stride + NAME_NUMBERS

    def _copy(self, start: int, version: float) -> slice:
        first = start + 1 + int(version) % 2 * self.numbers
        return slice(first, first + self.numbers)


class Place:
    """A process's own place on a board: adds to numbers there, from any of its threads."""

    def __init__(self, counters: SharedCounters, place: int) -> None:
        """Go on from what the last process at this place left."""
        self._counters = counters
        self._place = place
        self._lock = threading.Lock()
        names = (counters.name(place, record) for record in range(1, counters.records))
        self._records = {name: record for record, name in enumerate(names, 1) if name}

    def update(
        self, name: str | None, add: Mapping[int, float], put: Mapping[int, float] | None = None
    ) -> None:
        """Add to some numbers of a record and put others in place of what was there, all at once.

        The record of no name is always there; when no other is left, a new name shares the last one.
        """
        with self._lock:
            record = 0 if name is None else self._record(name)
            numbers = memoryview(bytearray(_WORD * self._counters.numbers)).cast("d")
            for index, number in enumerate(self._counters.read(self._place, record)):
                numbers[index] = number
            for index, number in add.items():
                numbers[index] += number
            for index, number in (put or {}).items():
                numbers[index] = number
            self._counters.write(self._place, record, numbers)

    def _record(self, name: str) -> int:
        record = self._records.get(name)
        if record is None:
            record = len(self._records) + 1
            if record >= self._counters.records - 1:
                record, name = self._counters.records - 1, OTHERS
            self._counters.set_name(self._place, record, name)
            self._records[name] = record
        return record
