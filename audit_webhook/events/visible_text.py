"""Makes texts from events safe to read: what would act, hide or pass for something else is written out.

A name with a blank that nobody sees is the twin of another one: ``admin`` and ``admin\\u3164`` look the same. The same
characters are written out everywhere: on pages, in sentences, commands, logs, and in JSON on a terminal.
"""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST_TEXT: Final = 2_000
MOST_MARKS: Final = 2
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
_MARKS: Final = frozenset({"Me", "Mn"})
# Letters, marks and symbols by their category, and yet nothing is to be seen of them: joiners and fillers of Hangul,
# Khmer, Mongolian, Tifinagh and Khitan, the blank pattern of Braille, an empty note head, variation selectors.
_BLANK: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u2d7f\u3164\uffa0\U0001d159\U00016fe4"
    + "".join(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_REMEMBERED: Final = 10_000


def is_hidden(character: str) -> bool:
    """Whether a character acts on what stands around it, or cannot be told from a space or from nothing."""
    return character != " " and (unicodedata.category(character) in _UNSEEN or character in _BLANK)


def shown(text: str, kept: str = "", longest: int = LONGEST_TEXT) -> str:
    r"""Return a text with what cannot be seen, or turns the line around, as ``\u202e``; long ones are cut."""
    if len(text) > longest:
        text = f"{text[:longest]}… ({len(text):,} characters)"
    return write_out(text, kept)


def shown_value(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text as `shown` does, in quotes when spaces at its ends or in a row would not be seen."""
    written = shown(text, longest=longest)
    return f"“{written}”" if written != written.strip(" ") or "  " in written else written


def write_out(text: str, kept: str = "") -> str:
    r"""Return a text with hidden characters, but for those ``kept``, and marks beyond two in a row as ``\u202e``."""
    if text.isascii() and text.isprintable():
        return text
    table = _TABLES.get(kept)
    shown = text.translate(_TABLES.setdefault(kept, _Table(kept)) if table is None else table)
    return shown if shown.isascii() or _MARKS.isdisjoint(map(unicodedata.category, shown)) else _write_out_piles(shown)


def write_out_json(line: str) -> str:
    r"""Return JSON with hidden characters as its own escapes: programs read the same, and a terminal does not act."""
    return line if line.isascii() and line.isprintable() else line.translate(_JSON)


class _Table(dict[int, str | int]):
    """What `str.translate` asks for each character; remembers the first answers, so that it stays small."""

    def __init__(self, kept: str = "", is_json: bool = False) -> None:
        super().__init__()
        self._kept: Final = kept
        self._is_json: Final = is_json

    def __missing__(self, code: int) -> str | int:
        character = chr(code)
        is_plain = character in self._kept or not is_hidden(character)
        written = code if is_plain else self._write(code)
        if len(self) < _REMEMBERED:
            self[code] = written
        return written

    def _write(self, code: int) -> str:
        if code <= 0xFFFF:
            return f"\\u{code:04x}"
        if not self._is_json:
            return f"\\U{code:08x}"
        high, low = divmod(code - 0x10000, 0x400)
        return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


_TABLES: Final[dict[str, _Table]] = {}
_JSON: Final = _Table(is_json=True)


def _write_out_piles(text: str) -> str:
    """Write out marks that are piled on one character until they cover the lines above."""
    pieces: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in _MARKS else 0
        pieces.append(character if marks <= MOST_MARKS else _JSON._write(ord(character)))
    return "".join(pieces)
