"""The parts of a sentence, and how text that came from an event is made safe to look at."""

from __future__ import annotations

import unicodedata
from typing import Final, Literal, NamedTuple

LONGEST: Final = 120
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})

Role = Literal["text", "actor", "object", "namespace"]


class Part(NamedTuple):
    """A piece of a sentence and what it stands for."""

    text: str
    role: Role = "text"


def visible(text: str, limit: int = LONGEST) -> str:
    """Give a text as it may be shown: characters that would act or hide are written out, and its length is bounded."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    if short.isascii() and short.isprintable():
        return short
    return "".join(_written_out(character) for character in short)


def _written_out(character: str) -> str:
    if unicodedata.category(character) not in _INVISIBLE:
        return character
    return f"\\u{ord(character):04x}"
