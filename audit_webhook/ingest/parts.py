"""Cut the body of a batch into parts of bounded size while it arrives, each with the raw bytes of some events.

A body of up to ``WHOLE_BYTES``, which nearly every batch is, is split in one piece. A larger one is read in windows of
``PART_BYTES``, and where it is cut depends on its bytes alone: a batch that is sent again gives the same parts, hence
the same chunks, and is recognised by their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from audit_webhook.events.json_scanner import BrokenJSON, after_blank, value_end
from audit_webhook.events.sources.text_prefixes import end_of_whole_lines
from audit_webhook.events.sources.unwrap import count_events, may_hold_events
from audit_webhook.events.split import (
    BOM, EVENT_START, Broken, MalformedBody, Split, split, take_document, take_element, take_elements,
)
from audit_webhook.ingest.list_form import find_list_end, find_list_start, is_list, split_strict
from audit_webhook.ingest.oversized import Nesting, Oversized

WHOLE_BYTES: Final = 2 * 1024**2
PART_BYTES: Final = 4 * 1024**2
PART_ITEMS: Final = 2_000
"""Items of a part: a window of two bytes each would otherwise take a hundred times its size."""
ITEM_BYTES: Final = 16 * 1024**2
"""The longest item that is read; docs/reliability.md says why none of a kube-apiserver is longer."""
_NEXT_EVENT: Final = b'},{"level":"'
"""How a kube-apiserver goes on to the next event; within a text it is no end of one, and `split_strict` refuses it."""

_NO_SEPARATOR: Final = "a comma or a closing bracket is missing"


def split_body(body: bytes) -> Split:
    """Split a body; what wraps events in a way that hides where they begin is left whole, for `receive` to unwrap.

    Raises MalformedBody for what is no JSON and shows no sign of events.
    """
    try:
        parts = split(body)
    except MalformedBody as error:
        if not may_hold_events(body):
            raise
        return Split([], [Broken(body, str(error))])
    if parts.broken and not is_list(body) and count_events(body) > len(parts.items):
        return Split([], [Broken(body, parts.broken[0].reason)])
    return parts


class Parts:
    """The parts of one body, to be iterated over once; ``size`` is how many bytes of it were read so far.

    ``read`` returns exactly as many bytes as it is asked for, or fewer at the end of the body.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        """Read nothing yet."""
        self._read = read
        self._held = b""
        self._ended = False
        self.size = 0

    @property
    def is_large(self) -> bool:
        """Whether the body is longer than what is split in one piece, as far as it was read."""
        return self.size > WHOLE_BYTES

    def __iter__(self) -> Iterator[Split]:
        """Yield at least one part; raises MalformedBody when the body is no JSON."""
        self._fill(WHOLE_BYTES + 1)
        if self._ended:
            yield from _bounded(split_body(self._take(len(self._held))))
            return
        self._held = self._held.removeprefix(BOM)
        is_json = False
        while self._skip_blanks():
            is_json = is_json or self._held.startswith((b"{", b"["))
            for part in self._document():
                if not is_json and not part.items and not any(may_hold_events(each.raw) for each in part.broken):
                    raise MalformedBody("the body is not JSON")
                is_json = True
                yield from _bounded(part)

    def _fill(self, size: int) -> None:
        """Hold at least so many bytes, unless the body ends before."""
        missing = size - len(self._held)
        if missing > 0 and not self._ended:
            piece = self._read(missing)
            self.size += len(piece)
            self._ended = len(piece) < missing
            self._held = self._held + piece if self._held else piece

    def _take(self, size: int) -> bytes:
        taken, self._held = self._held[:size], self._held[size:]
        return taken

    def _drop(self, size: int) -> None:
        self._held = self._held[size:]

    def _skip_blanks(self) -> bool:
        """Go to the next byte that is no white space; False when the body has none."""
        while True:
            self._fill(WHOLE_BYTES)
            self._drop(after_blank(self._held, 0, len(self._held)))
            if self._held or self._ended:
                return bool(self._held)

    def _document(self) -> Iterator[Split]:
        """Yield what one document holds: a list element by element, and all others as whole as they are sent."""
        start = find_list_start(self._held)
        if start is None:
            yield self._run_of_documents()
            return
        is_object = self._held.startswith(b"{")
        while start is not None:
            self._drop(start)
            yield from self._elements()
            start = self._next_list() if is_object else None

    def _next_list(self) -> int | None:
        """Step over what follows a list in its object; return where a further list of events begins in it."""
        if not self._skip_blanks() or not self._held.startswith(b","):
            self._take(1 if self._held.startswith(b"}") else 0)
            return None
        self._held = b"{" + self._held[1:]
        self._fill(WHOLE_BYTES)
        start = find_list_start(self._held)
        if start is None:
            self._complete_value()
        return start

    def _elements(self) -> Iterator[Split]:
        """Yield the elements of an array whose opening bracket was taken, up to its end or that of the body."""
        is_open = not (self._skip_blanks() and self._held.startswith(b"]"))
        if not is_open:
            self._take(1)
        while is_open and self._skip_blanks():
            self._fill(PART_BYTES)
            part, is_open = self._strict_run() or self._scanned_run() or self._long_element()
            yield part

    def _strict_run(self) -> tuple[Split, bool] | None:
        """Take all elements that a strict parser takes up to where an event begins, or up to the end of the list."""
        end = find_list_end(self._held) if self._ended else None
        last = end or self._held.rfind(_NEXT_EVENT) + 1
        part = split_strict(self._held, last) if last else None
        if part is None:
            return None
        self._drop(last + 1)
        return part, end is None

    def _scanned_run(self) -> tuple[Split, bool] | None:
        """Take the elements whose brackets and strings close in what is held; None when the first one's do not."""
        part = Split([], [])
        position, closed = 0, False
        try:
            while not closed and len(part.items) + len(part.broken) < PART_ITEMS:
                first = after_blank(self._held, position, len(self._held))
                last = value_end(self._held, first, len(self._held))
                separator = self._find_separator(last)
                take_element(self._held[first:last], part)
                position, closed = self._step_over(separator, part)
        except BrokenJSON:
            if not position:
                return None
        self._drop(position)
        return part, not closed

    def _find_separator(self, position: int) -> int:
        """Return where the comma or bracket after an element stands; raises BrokenJSON when it did not come yet.

        At the end of the body something else than these is left to `take_elements`, which knows that it is the end.
        """
        position = after_blank(self._held, position, len(self._held))
        byte = self._held[position:position + 1]
        if not byte or (self._ended and byte not in b",]"):
            raise BrokenJSON(position, _NO_SEPARATOR)
        return position

    def _step_over(self, position: int, part: Split) -> tuple[int, bool]:
        """Return the position after a separator, and whether the list ends there.

        After anything else the next element is where an event begins; what lies between is broken.
        """
        if self._held[position] in b",]":
            return position + 1, self._held[position] == b"]"[0]
        found = EVENT_START.search(self._held, position)
        end = found.start() if found else len(self._held)
        part.broken.append(Broken(self._held[position:end], _NO_SEPARATOR))
        return end, False

    def _long_element(self) -> tuple[Split, bool]:
        """Hold more, for an element that does not end in what is held; take the rest as it is when there is no more."""
        part = Split([], [])
        if not self._ended and len(self._held) < ITEM_BYTES:
            self._fill(min(2 * len(self._held), ITEM_BYTES))
            return part, True
        if self._ended:
            rest = b"[" + self._take(len(self._held))
            take_elements(rest, 0, len(rest), part)
            return part, False
        part.broken.append(self._skip_value())
        if not self._skip_blanks():
            return part, False
        position, closed = self._step_over(0, part)
        self._drop(position)
        return part, not closed

    def _run_of_documents(self) -> Split:
        """Take the documents that end in what is held, such as the lines of NDJSON; none when more was read instead."""
        self._fill(PART_BYTES)
        part = Split([], [])
        while self._held and len(part.items) + len(part.broken) < PART_ITEMS:
            end = self._document_end()
            if end is None:
                break
            take_document(self._take(end), 0, part)
            self._drop(after_blank(self._held, 0, len(self._held)))
        if not part.items and not part.broken and self._held:
            self._take_long_document(part)
        return part

    def _document_end(self) -> int | None:
        """Return where the document at hand ends; what is no JSON is taken with all whole lines that follow it."""
        if not self._held.startswith((b"{", b"[")):
            end = len(self._held) if self._ended else end_of_whole_lines(self._held)
            return end or None
        try:
            return value_end(self._held, 0, len(self._held))
        except BrokenJSON:
            return None

    def _take_long_document(self, part: Split) -> None:
        if not self._ended and len(self._held) < ITEM_BYTES:
            self._fill(min(2 * len(self._held), ITEM_BYTES))
        elif self._ended:
            take_document(self._take(len(self._held)), 0, part)
        else:
            part.broken.append(self._skip_value())

    def _complete_value(self) -> None:
        """Step over a value that holds no events, such as the members that follow a list."""
        try:
            self._take(value_end(self._held, 0, len(self._held)))
        except BrokenJSON:
            self._skip_value()

    def _skip_value(self) -> Broken:
        """Step over the value at hand, however long, and return what stands for it."""
        skipped = Oversized()
        nesting = Nesting()
        while self._held:
            end = nesting.find_end(self._held)
            skipped.add(self._take(len(self._held) if end is None else end))
            if end is not None:
                break
            self._fill(WHOLE_BYTES)
        return skipped.describe(ITEM_BYTES)


def _bounded(part: Split) -> Iterator[Split]:
    """Yield a part in several when it has very many items."""
    items, broken = part
    if len(items) + len(broken) <= PART_ITEMS:
        yield part
        return
    for start in range(0, len(items), PART_ITEMS):
        yield Split(items[start:start + PART_ITEMS], [])
    for start in range(0, len(broken), PART_ITEMS):
        yield Split([], broken[start:start + PART_ITEMS])
