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
    for found in assignment.finditer(text):
        if found.start() >= done and word.search(found[1]) and (given := value.match(text, found.end())):
            yield given.span()
            done = given.end()


def replace_spans(text: str, spans: Iterable[Span], replacement: str) -> str:
    """Return a text with some spans, in their order, replaced; a span's quotes stay around what replaces it."""
    pieces: list[str] = []
    position = 0
    for start, end in spans:
        quote = text[start] if text[start] in "\"'" and end - start > 1 else ""
        pieces += (text[position:start], quote, replacement, quote)
        position = end
    return "".join((*pieces, text[position:])) if pieces else text
