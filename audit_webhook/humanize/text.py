"""The parts of a sentence, and how text that came from an event is made safe to look at."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

LONGEST: Final = 120
MOST_MARKS: Final = 2
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
_MARKS: Final = frozenset({"Me", "Mn"})
# Letters, marks and symbols by their category, and yet nothing is to be seen of them.
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(0xFE00 + n) for n in range(16)}

Role = Literal["text", "actor", "object", "namespace"]


class Part(NamedTuple):
    """A piece of a sentence and what it stands for."""

    text: str
    role: Role = "text"


def visible(text: str, limit: int = LONGEST) -> str:
    """Give a text as it may be shown: characters that would act or hide are written out, and its length is bounded."""
    if text.isascii() and text.isprintable():
        shown = text
    else:
        shown = "".join(_written_out(text[: limit + 1]))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def visible_name(text: str) -> str:
    """Give a name as it may be shown, in quotes if it could be taken for several words of the sentence."""
    shown = visible(text)
    return shown if shown and " " not in shown else f"“{shown}”"


def _written_out(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in _MARKS else 0
        if character == " " or (category not in _UNSEEN and character not in _BLANK and marks <= MOST_MARKS):
            yield character
        elif ord(character) > 0xFFFF:
            yield f"\\U{ord(character):08x}"
        else:
            yield f"\\u{ord(character):04x}"
