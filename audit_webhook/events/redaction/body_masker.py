"""Masks secrets in the raw bytes of an event's bodies, by spans, so that every other byte stays as it was sent.

The rules hold for bytes that no parser takes: names are compared without case and with their escapes read, a repeated
name counts each time, and what has too many levels to be looked through is withheld whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

from audit_webhook.events import lenient_json as tolerant
from audit_webhook.events.json_scanner import NO_ENDS, BrokenJSON, Ends, Found, elements, enclosures, is_strict, members
from audit_webhook.events.redaction.json_pointers import DATA, is_data, may_read_data, pointer_steps
from audit_webhook.events.redaction.pseudonyms import Mark
from audit_webhook.events.redaction.rules import COPIES
from audit_webhook.events.redaction.secret_copies import (
    PLAIN_WORD, holds_secret_in_text, may_be_object, may_hold_copy, may_hold_secret,
)
from audit_webhook.events.redaction.status_messages import cut_message

MASK: Final = b'"***"'
WITHHELD: Final = b'"*** withheld: it cannot be read, and may hold a secret"'
DEEPEST: Final = 64
SURVEYED: Final = 4
SURVEYED_ANYHOW: Final = 8
_WEBHOOK_PATCH: Final = "patch.webhook.admission.k8s.io/"
_POLICY_FAILURE: Final = "validation.policy.admission.k8s.io/"

_KINDS: Final = frozenset({"secret", "secretlist"})
_PLAIN: Final = frozenset({"apiversion", "kind", "type", "immutable", "$patch"})
_OPTIONS: Final = frozenset({
    "dryrun", "fieldmanager", "graceperiodseconds", "ignorestorereaderrorwithclusterbreakingpotential",
    "orphandependents", "preconditions", "propagationpolicy",
})
_REQUEST: Final = _PLAIN | _OPTIONS | {"items", "metadata"}
_RESPONSE: Final = _REQUEST | {"code", "columndefinitions", "details", "message", "reason", "rows", "status"}
# Where a parser's error message quotes the text that it could not read.
QUOTES: Final = re.compile(rb"valueUnstructured|bigger context|error found in #|cannot unmarshal !!")
_SHORTEST_COPY: Final = 4
# What anything to mask in a Secret begins with, if nothing is escaped; a value without it need not be looked into.
# The expression begins with a literal and with what may follow it, so that most quotes cost next to nothing.
_SUSPECT: Final = re.compile(
    rb'"(?=[dDsS\xc5mMo{\[\s\\])'
    rb'(?:[dD][aA][tT][aA]"|[sS\xc5][^"]{0,9}[dD][aA][tT][aA]"|[mM][eE][sS\xc5]|objectset|(?:\s|\\[nrt])*+[{\[])'
)


class _Unreadable(Exception):
    """A body has more levels than are looked at."""


class Masking:
    """Collects which spans of some bytes are to be replaced by what."""

    def __init__(self, raw: bytes, mark: Mark | None = None) -> None:
        """Start with nothing to replace; ``mark`` gives what stands in the place of a value instead of `MASK`."""
        self.is_spread = False
        self._mark = mark
        self.raw = raw
        self._edits: list[tuple[int, int, bytes]] = []
        self._ends: Ends = NO_ENDS

    def applied(self) -> bytes:
        """Give the bytes with everything replaced; the same object when there is nothing to replace."""
        if not self._edits:
            return self.raw
        pieces: list[bytes] = []
        position = 0
        for start, end, replacement in sorted(self._edits):
            pieces += (self.raw[position:start], replacement)
            position = end
        return b"".join((*pieces, self.raw[position:]))

    def mask(self, start: int, end: int, replacement: bytes = MASK) -> None:
        """Replace a value; a null tells nothing but that an entry was taken away, and stays."""
        value = self.raw[start:end]
        if value not in (b"null", MASK, WITHHELD):
            replacement = self._mark(value) if self._mark and replacement is MASK else replacement
            self._edits.append((start, end, replacement))

    def guard(self, mask: Callable[[int, int], None], start: int, end: int) -> None:
        """Mask a value by a function; withhold all of it when it cannot be read."""
        before = len(self._edits)
        try:
            mask(start, end)
        except (BrokenJSON, _Unreadable):
            del self._edits[before:]
            self.mask(start, end, WITHHELD)

    def mask_secret_request(self, start: int, end: int) -> None:
        """Mask what was sent to a Secret: an object, options, or a patch of any form."""
        if self._opens(start, b"["):
            for first, last in self._elements(start, end):
                self._mask_operation(first, last)
        else:
            self._mask_body(start, end, _REQUEST)

    def mask_secret_response(self, start: int, end: int) -> None:
        """Mask what was answered: a Secret, a list or table of them, or a Status."""
        self._mask_body(start, end, _RESPONSE)

    def mask_secret(self, start: int, end: int, depth: int = 0) -> None:
        """Mask everything in a value that is a Secret or holds nothing but Secrets."""
        if not self._opens(start, b"{[") or not self._is_suspect(start, end):
            return
        self._descend(start, end, depth)
        if self._opens(start, b"{"):
            for key, first, last in self._members(start, end):
                self._mask_secret_member(key.casefold(), first, last, depth)
        else:
            for first, last in self._elements(start, end):
                self.mask_secret(first, last, depth + 1)

    def mask_webhook_patches(self, start: int, end: int) -> None:
        """Mask the event's annotations that show how a webhook changed the Secret, or why a policy refused it."""
        for key, first, last in self._members(start, end):
            if key.startswith((_WEBHOOK_PATCH, _POLICY_FAILURE)):
                self.mask(first, last)

    def mask_members(self, start: int, end: int, is_secret: Callable[[str], bool]) -> None:
        """Mask the members of an object whose names, in lower case, a function chooses."""
        for key, first, last in self._members(start, end) if self._opens(start, b"{") else ():
            if is_secret(key.casefold()):
                self.mask(first, last)

    def mask_token(self, start: int, end: int, depth: int = 0) -> None:
        """Mask every member ``token``, and what a review or refusal says of it."""
        self._descend(start, end, depth)
        if self._opens(start, b"{"):
            for key, first, last in self._members(start, end):
                if key.casefold() in ("token", "error"):
                    self.mask(first, last)
                elif key.casefold() == "message":
                    self._cut_message(first, last)
                else:
                    self.mask_token(first, last, depth + 1)
        elif self._opens(start, b"["):
            for first, last in self._elements(start, end):
                self.mask_token(first, last, depth + 1)

    def mask_held_secrets(self, key: str, start: int, end: int, depth: int = 0) -> None:
        """Mask the Secrets that another object holds; withhold only the part that cannot be read."""
        if not may_hold_secret(self.raw, start, end):
            return
        before = len(self._edits)
        try:
            self._descend(start, end, depth)
            self._mask_held(key, start, end, depth)
        except (BrokenJSON, _Unreadable):
            del self._edits[before:]
            self.mask(start, end, WITHHELD)

    def _mask_held(self, key: str, start: int, end: int, depth: int) -> None:
        if self._opens(start, b"["):
            for first, last in self._elements(start, end):
                if not PLAIN_WORD.fullmatch(self.raw, first, last):
                    self.mask_held_secrets("", first, last, depth + 1)
        elif self._opens(start, b"{"):
            found = self._members(start, end)
            if any(self._is_secret_kind(*member) for member in found):
                self.mask_secret(start, end, depth)
            else:
                for name, first, last in found:
                    self.mask_held_secrets(name, first, last, depth + 1)
        else:
            self._mask_copy(start, end)

    def _is_secret_kind(self, key: str, start: int, end: int) -> bool:
        if key.casefold() != "kind" or not self._opens(start, b'"'):
            return False
        kind = self._text(start, end)
        return kind is None or kind.casefold() in _KINDS

    def _mask_copy(self, start: int, end: int) -> None:
        """Mask a text when a Secret is written in it."""
        text = self._text(start, end)
        plain = "" if text is None else text.strip("\ufeff \t\r\n")
        is_json = plain[:1] in ("{", "[") and _holds_secret(plain.encode("utf-8", "surrogatepass"))
        if text is None or is_json or holds_secret_in_text(plain):
            self.mask(start, end)

    def _mask_body(self, start: int, end: int, known: frozenset[str]) -> None:
        """Mask a body of an event about Secrets; what is in no place that it should be in is masked whole."""
        if not self._opens(start, b"{"):
            self.mask(start, end)
            return
        for key, first, last in self._members(start, end):
            name = key.casefold()
            if name in DATA or name in known and not (name in _PLAIN and self.raw[first] in b"{["):
                self._mask_secret_member(name, first, last, 0)
            else:
                self.mask(first, last)

    def _mask_secret_member(self, name: str, start: int, end: int, depth: int) -> None:
        if name in DATA:
            self._mask_values(start, end)
        elif name == "message":
            self._cut_message(start, end)
        elif name in COPIES or "last-applied" in name:
            self.mask(start, end)
        elif self.raw[start] in b"{[":
            self.mask_secret(start, end, depth + 1)
        elif PLAIN_WORD.fullmatch(self.raw, start, end):
            return
        elif self._opens(start, b'"') and end - start >= _SHORTEST_COPY and self._may_be_object(start, end):
            self.mask(start, end)

    def _may_be_object(self, start: int, end: int) -> bool:
        text = self._text(start, end)
        return text is None or may_be_object(text)

    def _cut_message(self, start: int, end: int) -> None:
        """Cut a message that may quote what was sent; mask what is no text, or all when a patch moved data."""
        text = None if self.is_spread else self._text(start, end)
        kept = text and cut_message(text)
        if text is None or kept != text:
            self.mask(start, end, MASK if kept is None else json.dumps(kept).encode())

    def _mask_values(self, start: int, end: int) -> None:
        if self._opens(start, b"{"):
            for _, first, last in self._members(start, end):
                self.mask(first, last)
        else:
            self.mask(start, end)

    def _mask_operation(self, start: int, end: int) -> None:
        """Mask one operation of a JSON Patch (RFC 6902); one that reads data may write it anywhere."""
        if not self._opens(start, b"{"):
            self.mask(start, end)
            return
        found = [(key.casefold(), first, last) for key, first, last in self._members(start, end)]
        paths = [pointer_steps(self._text(first, last)) for name, first, last in found if name == "path"]
        steps = paths[0] if len(paths) == 1 else None
        for name, first, last in found:
            if name == "value":
                self._mask_patched(steps, first, last)
            elif name not in ("op", "path", "from") or not self._opens(first, b'"'):
                self.mask(first, last)
            if name == "from" and not is_data(steps) and may_read_data(pointer_steps(self._text(first, last))):
                self.is_spread = True

    def _mask_patched(self, steps: list[str] | None, start: int, end: int) -> None:
        """Mask the value of an operation by where it goes."""
        if steps is None:
            self.mask(start, end)
        elif not steps:
            self._mask_body(start, end, _REQUEST)
        elif len(steps) == 1 and steps[0] in DATA:
            self._mask_values(start, end)
        elif steps[0] == "metadata":
            self._mask_secret_member(steps[-1], start, end, 0)
        elif len(steps) > 1 or steps[0] not in _PLAIN or self._opens(start, b"{["):
            self.mask(start, end)

    def _descend(self, start: int, end: int, depth: int) -> None:
        """Refuse to go deeper than there is reason to, and find all borders at once where many levels may follow.

        Without that, the cost would grow with the number of levels. Some more of them cost less than a survey where a
        strict parser takes them.
        """
        if depth > DEEPEST:
            raise _Unreadable
        if depth == SURVEYED and self._opens(start, b"{["):
            self._ends = NO_ENDS if is_strict(self.raw, start, end) else enclosures(self.raw, start, end)
        elif depth == SURVEYED_ANYHOW and start not in self._ends and self._opens(start, b"{["):
            self._ends = enclosures(self.raw, start, end)

    def _members(self, start: int, end: int) -> list[Found]:
        return members(self.raw, start, end, self._ends)

    def _elements(self, start: int, end: int) -> list[tuple[int, int]]:
        return elements(self.raw, start, end, self._ends)

    def _is_suspect(self, start: int, end: int) -> bool:
        return (
            _SUSPECT.search(self.raw, start, end) is not None or self.raw.find(b"\\u00", start, end) >= 0
            or may_hold_copy(self.raw[start:end])
        )

    def _opens(self, start: int, first: bytes) -> bool:
        """Tell whether the value here begins with one of these bytes."""
        return self.raw[start] in first

    def _text(self, start: int, end: int) -> str | None:
        """Read a string; None when it is none, or cannot be read."""
        try:
            value = tolerant.loads(self.raw[start:end])
        except tolerant.Undecodable:
            return None
        return value if isinstance(value, str) else None


def _holds_secret(text: bytes) -> bool:
    masking = Masking(text)
    masking.mask_held_secrets("", 0, len(text))
    return masking.applied() is not text
