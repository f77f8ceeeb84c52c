"""Masks what lies at given paths in an event's bodies, in every shape of request and answer.

A path leads through objects, lists of them, tables, merge, strategic and apply patches and the operations of a JSON
Patch, and through the copy of the object that tools keep in an annotation. What cannot be read is withheld.
"""

from __future__ import annotations

import re
from typing import Final

from audit_webhook.events.redaction.body_masker import MASK, QUOTES, WITHHELD, Masking
from audit_webhook.events.redaction.json_pointers import pointer_steps
from audit_webhook.events.redaction.pseudonyms import Mark
from audit_webhook.events.redaction.rules import COPY, ELEMENT, Paths, advance, follow

_BODIES: Final = frozenset({"requestobject", "responseobject"})
# How an answer that refuses an object quotes what was in it (k8s.io/apimachinery pkg/util/validation/field/errors.go).
_QUOTED_VALUE: Final = re.compile(rb"(?:Invalid|Unsupported|Duplicate) value|Not found: |" + QUOTES.pattern)
_MESSAGES: Final[Paths] = frozenset({("message",), ("details", "causes", "*", "message")})
_IS_MARK: Final = re.compile(rb'"\*\*\* [0-9a-f]{16}"')


class PathMasking(Masking):
    """Collects which spans of an event to replace, by paths in its bodies."""

    def __init__(self, raw: bytes, paths: Paths, mark: Mark | None = None) -> None:
        """Start with nothing to replace; ``paths`` is what `RuleBook` gives for the event's resource."""
        super().__init__(raw, mark)
        self._paths: Final = paths

    def mask(self, start: int, end: int, replacement: bytes = MASK) -> None:
        """Replace a value, but for one that is a mark already."""
        if not _IS_MARK.fullmatch(self.raw, start, end):
            super().mask(start, end, replacement)

    def mask_event_member(self, name: str, start: int, end: int) -> None:
        """Mask one member of the event; the request comes first, because it may move data in the answer."""
        if name == "responseobject" and self.is_spread:
            self.mask(start, end, WITHHELD)
        elif name in _BODIES:
            self.guard(self._mask_named, start, end)
        elif name == "responsestatus":
            self.guard(self._mask_messages, start, end)
        elif name == "annotations":
            self.guard(self.mask_webhook_patches, start, end)

    def _mask_named(self, start: int, end: int) -> None:
        if self._opens(start, b"["):
            for first, last in self._elements(start, end):
                self._mask_step(first, last)
            return
        self._mask_below(start, end, self._paths, 0)
        if self._opens(start, b"{") and any(self._is_status(*member) for member in self._members(start, end)):
            self._mask_messages(start, end)

    def _is_status(self, key: str, start: int, end: int) -> bool:
        return key.casefold() == "kind" and self._text(start, end) == "Status"

    def _mask_messages(self, start: int, end: int) -> None:
        """Mask the messages of a Status that quotes values."""
        if _QUOTED_VALUE.search(self.raw, start, end):
            self._mask_below(start, end, _MESSAGES, 0)

    def _mask_below(self, start: int, end: int, paths: Paths, depth: int) -> None:
        """Mask what the paths lead to from a value on."""
        if () in paths:
            self.mask(start, end)
        elif self._opens(start, b"{"):
            self._descend(start, end, depth)
            for key, first, last in self._members(start, end):
                if left := advance(paths, key.casefold()):
                    self._mask_below(first, last, left, depth + 1)
        elif self._opens(start, b"["):
            self._descend(start, end, depth)
            for first, last in self._elements(start, end):
                if left := advance(paths, ELEMENT):
                    self._mask_below(first, last, left, depth + 1)
        elif any(path[0] == COPY for path in paths):
            self._mask_copied(start, end)

    def _mask_copied(self, start: int, end: int) -> None:
        """Mask a text when something to mask is in the object written in it, or when it cannot be told."""
        text = (self._text(start, end) or "").strip().encode("utf-8", "surrogatepass")
        copy = PathMasking(text, self._paths)
        copy.guard(copy._mask_named, 0, len(text))
        if not text.startswith(b"{") or copy.applied() is not text:
            self.mask(start, end)

    def _mask_step(self, start: int, end: int) -> None:
        """Mask the value of an operation of a JSON Patch (RFC 6902) by where it goes; see whether it reads a secret."""
        if not self._opens(start, b"{"):
            self.mask(start, end)
            return
        found = [(key.casefold(), first, last) for key, first, last in self._members(start, end)]
        places = [pointer_steps(self._text(first, last)) for name, first, last in found if name == "path"]
        for name, first, last in found:
            if name == "value" and (len(places) != 1 or places[0] is None):
                self.mask(first, last)
            elif name == "value":
                self._mask_below(first, last, follow(self._paths, places[0] or ()), 0)
            elif name == "from" and follow(self._paths, pointer_steps(self._text(first, last)) or ()):
                self.is_spread = True
