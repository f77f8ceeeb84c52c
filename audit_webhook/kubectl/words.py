"""Writes a command as one line that a POSIX shell reads as exactly these words, secrets masked.

Whatever came from an event stays an argument of kubectl: a value never becomes a flag, and nothing is left for the
shell or the terminal to act upon.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable
from typing import Final

MASK: Final = "***"
LONGEST_WORD: Final = 20_000
_SAFE: Final = re.compile(r"[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+=:,./-]*+")
_HARMLESS: Final = frozenset("\n\t ")
_ACTING: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SECRET_NAME: Final = (
    r"[\w.-]*(?:password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key)[\w.-]*"
)
_ASSIGNED: Final = re.compile(rf"(?i)(?P<name>(?:--?)?{_SECRET_NAME})(?P<sign>=|:\s*)(?P<value>[^\s'\"]+)")
_FLAG: Final = re.compile(rf"(?i)--?{_SECRET_NAME}")
_BEARER: Final = re.compile(r"(?i)\b(?P<scheme>bearer|basic)\s+[\w.~+/=-]{6,}")
_CREDENTIALS: Final = re.compile(r"(?P<before>\w://[^/\s:@]*:)[^/\s@]+@")
_JWT: Final = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")


class Unsayable(ValueError):
    """No kubectl command says this: a word would be taken for something else."""


def quote(word: str) -> str:
    """Give a word as a shell takes it, what would act on a terminal written out."""
    if _SAFE.fullmatch(word):
        return word
    shown = escape(word)
    return f"'{shown}'" if shown.startswith(("=", "~")) and "'" not in shown else shlex.quote(shown)


def join(words: Iterable[str]) -> str:
    """Write words as one line."""
    return " ".join(map(quote, words))


def escape(text: str) -> str:
    """Write out control, formatting and unassigned characters as ``\\u202e``; spaces, tabs and newlines stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _is_plain(character) else _written_out(character) for character in text)


def is_plain(words: Iterable[str]) -> bool:
    """Whether a line can show the words as they are."""
    return all(word.isascii() and word.isprintable() or all(map(_is_plain, word)) for word in words)


def _is_plain(character: str) -> bool:
    return character in _HARMLESS or unicodedata.category(character) not in _ACTING


def _written_out(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def mask(words: Iterable[str]) -> list[str]:
    """Give the words of a command line with what looks like a password or a token masked."""
    masked: list[str] = []
    is_value = False
    for word in words:
        masked.append(MASK if is_value and not word.startswith("-") else mask_text(word))
        is_value = _FLAG.fullmatch(word) is not None
    return masked


def mask_text(text: str) -> str:
    """Mask what looks like a password or a token within a text."""
    text = _ASSIGNED.sub(lambda found: f"{found['name']}{found['sign']}{MASK}", text[:LONGEST_WORD])
    text = _BEARER.sub(lambda found: f"{found['scheme']} {MASK}", text)
    text = _CREDENTIALS.sub(lambda found: f"{found['before']}{MASK}@", text)
    return _JWT.sub(MASK, text)
