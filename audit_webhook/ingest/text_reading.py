"""Reads one text of an import: finds its events in whatever they are wrapped in, and counts what is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from audit_webhook.events.sources.joining import join
from audit_webhook.events.sources.unwrap import is_own_form, unwrap
from audit_webhook.events.sources.unwrapped import PLAIN, Event, Other
from audit_webhook.ingest.log_files import Line, Text

BATCH_EVENTS: Final = 1000
BATCH_BYTES: Final = 4 * 1024**2
UNFINISHED: Final = "the last line is not finished: is the file still being written?"


class BadLine(NamedTuple):
    """A line that holds no event: where it stands, and why it was left out."""

    path: str
    number: int
    reason: str


class Piece(NamedTuple):
    """The bytes of an event, the line where it was found, and its form."""

    number: int
    raw: bytes
    form: str


class FileReport(NamedTuple):
    """What became of one file: how many events came in which form, and what was none of them.

    ``first`` is the first line that could not be read; ``is_whole`` is whether the file was read to its end.
    """

    path: str
    forms: dict[str, int]
    stored: int
    duplicate: int
    cut: int
    not_audit: dict[str, int]
    unreadable: int
    first: BadLine | None
    is_whole: bool

    @property
    def events(self) -> int:
        """How many events the file held."""
        return sum(self.forms.values())

    @property
    def is_understood(self) -> bool:
        """Whether nothing in it was passed over that may have been an event."""
        return self.is_whole and not (self.unreadable and not self.events)


class TextReading:
    """One text, while it is read."""

    def __init__(self, text: Text) -> None:
        """Nothing is read yet."""
        self.stored = 0
        self.duplicate = 0
        self._text = text
        self._forms: Counter[str] = Counter()
        self._not_audit: Counter[str] = Counter()
        self._cut = 0
        self._bad: list[BadLine] = []
        self._unreadable = 0
        self._first: BadLine | None = None
        self._is_whole = True
        self._last = 0

    def batches(self) -> Iterator[list[Piece]]:
        """Yield the events, some at a time; the last batch may be empty."""
        pieces: list[Piece] = []
        size = 0
        if self._text.is_binary:
            self._not_audit["binary file"] += 1
            return
        for number, raw in join(self._whole_lines()):
            pieces += self._pieces_of(number, raw)
            size += len(raw)
            if len(pieces) + len(self._bad) >= BATCH_EVENTS or size >= BATCH_BYTES:
                yield pieces
                pieces, size = [], 0
        yield pieces

    def _whole_lines(self) -> Iterator[tuple[int, bytes]]:
        for line in self._text.lines:
            if line.problem:
                self._note_problem(line)
            else:
                self._last = line.number if line.is_unfinished else 0
                yield line.number, line.raw

    def _note_problem(self, line: Line) -> None:
        self._is_whole &= not line.is_end
        self._note(line.number, line.problem)

    def _pieces_of(self, number: int, raw: bytes) -> Iterator[Piece]:
        if is_own_form(raw):
            self._forms[PLAIN] += 1
            yield Piece(number, raw, PLAIN)
            return
        for found in unwrap(raw):
            if isinstance(found, Event) and not (found.is_cut and number == self._last):
                self._forms[found.form] += 1
                self._cut += found.is_cut
                yield Piece(number, found.raw, found.form)
            elif isinstance(found, Other):
                self._not_audit[found.what] += 1
            else:
                self._note(number, UNFINISHED if number == self._last else getattr(found, "reason", UNFINISHED))

    def note_unread(self, piece: Piece, reason: str) -> None:
        """Note that what looked like an event is none."""
        self._forms[piece.form] -= 1
        self._note(piece.number, reason)

    def _note(self, number: int, reason: str) -> None:
        bad = BadLine(self._text.name, number, reason)
        self._unreadable += 1
        self._first = self._first or bad
        self._bad.append(bad)

    def take_bad(self) -> list[BadLine]:
        """Return the lines that could not be read since this was asked last, in their order."""
        bad, self._bad = sorted(self._bad), []
        return bad

    def report(self) -> FileReport:
        """Return what became of the text."""
        forms = {form: count for form, count in self._forms.items() if count}
        return FileReport(
            self._text.name, forms, self.stored, self.duplicate, self._cut, dict(self._not_audit), self._unreadable,
            self._first, self._is_whole,
        )
