"""Writes a command as one line that a POSIX shell reads as exactly these words, secrets masked.

Whatever came from an event stays an argument of kubectl: a value never becomes a flag, and nothing is left for the
shell or the terminal to act upon.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from audit_webhook.events.redaction.text_edits import Span, assigned_values, replace_spans
from audit_webhook.events.visible_text import write_out

MASK: Final = "***"
LONGEST_WORD: Final = 20_000
_SAFE: Final = re.compile(r"[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+=:,./-]*+")
_SAFE_LINE: Final = re.compile(rf"{_SAFE.pattern}(?: {_SAFE.pattern})*+")
KEPT: Final = "\n\t"
_SECRET: Final = re.compile(
    r"password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key", re.IGNORECASE
)
# Each begins where no other attempt of it can begin, and takes what it repeats for good: no text makes one slow.
_ASSIGNMENT: Final = re.compile(r"(?<![\w.-])([\w.-]++)(?:=|:\s*+)")
_VALUE: Final = re.compile(r"[^\s'\"]++")
_FLAG: Final = re.compile(r"--?[\w.-]++")
_BEARER: Final = re.compile(r"(?i)\b(?P<scheme>bearer|basic)\s++[\w.~+/=-]{6,}+")
_CREDENTIALS: Final = re.compile(r"(?P<before>\w://[^/\s:@]*+:)[^/\s@]++@")
_DOTTED: Final = re.compile(r"(?<![\w-])([\w-]++)(?=\.[\w-]{8,}+\.)")
_TOKEN_START: Final = re.compile(r"\beyJ[\w-]{8}")
_TOKEN_REST: Final = re.compile(r"\.[\w-]++\.[\w-]*+")


class Unsayable(ValueError):
    """No kubectl command says this: a word would be taken for something else."""


def quote(word: str) -> str:
    """Give a word as a shell takes it, what would act on a terminal written out."""
    if _SAFE.fullmatch(word):
        return word
    shown = escape(word)
    return f"'{shown}'" if shown.startswith(("=", "~")) and "'" not in shown else shlex.quote(shown)


def join(words: Sequence[str]) -> str:
    """Write words as one line; most lines hold nothing to quote, and are looked at once."""
    line = " ".join(words)
    if line.count(" ") == len(words) - 1 and _SAFE_LINE.fullmatch(line):
        return line
    return " ".join(map(quote, words))


def escape(text: str) -> str:
    """Write out what acts on a terminal or cannot be seen as ``\\u202e``; spaces, tabs and newlines stay."""
    return write_out(text, KEPT)


def is_plain(words: Iterable[str]) -> bool:
    """Whether a line can show the words as they are."""
    return all(escape(word) == word for word in words)


def mask(words: Iterable[str]) -> list[str]:
    """Give the words of a command line with what looks like a password or a token masked."""
    masked: list[str] = []
    is_value = False
    for word in words:
        masked.append(MASK if is_value and not word.startswith("-") else mask_text(word))
        is_value = _FLAG.fullmatch(word) is not None and _SECRET.search(word) is not None
    return masked


def mask_text(text: str) -> str:
    """Mask what looks like a password or a token within a text, of which the first 20,000 characters are kept."""
    text = text[:LONGEST_WORD]
    text = replace_spans(text, assigned_values(text, _ASSIGNMENT, _SECRET, _VALUE), MASK)
    text = _BEARER.sub(lambda found: f"{found['scheme']} {MASK}", text)
    text = _CREDENTIALS.sub(lambda found: f"{found['before']}{MASK}@", text)
    return replace_spans(text, _signed_tokens(text), MASK)


def _signed_tokens(text: str) -> Iterator[Span]:
    """Find JSON Web Tokens: three parts with dots between them, the first of which begins an object in base64."""
    done = 0
    for found in _DOTTED.finditer(text):
        start = _TOKEN_START.search(text, max(done, found.start()), found.end())
        rest = _TOKEN_REST.match(text, found.end()) if start else None
        if start and rest:
            yield start.start(), rest.end()
            done = rest.end()
