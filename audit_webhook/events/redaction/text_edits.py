"""Finds the values that a text assigns to telling names, and replaces parts of a text, in one pass over it.

A regular expression for ``any name with this word in it = a value`` tries each beginning of a name anew, and is
quadratic or worse on a long one. Here names are found first, each once, and only then looked into.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

Span = tuple[int, int]


def assigned_values(
    text: str, assignment: re.Pattern[str], word: re.Pattern[str], value: re.Pattern[str]
) -> Iterator[Span]:
    """Yield where the values of names lie that hold a word; group 1 of an ``assignment`` is its name."""
    done = 0
    is_telling: dict[str, bool] = {}
    for found in assignment.finditer(text):
        name = found[1]
        known = is_telling.get(name)
        if known is None:
            known = is_telling[name] = word.search(name) is not None
        if known and found.start() >= done and (given := value.match(text, found.end())):
            yield given.span()
            done = given.end()


def replace_spans(text: str, spans: Iterable[Span], replacement: str) -> str:
    """Return a text with some spans, in their order, replaced; a span's quotes stay around what replaces it."""
    pieces: list[str] = []
    position = 0
    for start, end in spans:
        pieces.append(text[position:start])
        quote = text[start] if text[start] in "\"'" and end - start > 1 else ""
        pieces.append(f"{quote}{replacement}{quote}" if quote else replacement)
        position = end
    return "".join((*pieces, text[position:])) if pieces else text


def replace_second_group(text: str, pattern: re.Pattern[str], replacement: str) -> str:
    """Return a text with what a pattern's second group matches replaced; the pattern has two groups, side by side."""
    pieces: list[str] = pattern.split(text)
    if len(pieces) == 1:
        return text
    pieces[2::3] = [replacement] * (len(pieces) // 3)
    return "".join(pieces)
