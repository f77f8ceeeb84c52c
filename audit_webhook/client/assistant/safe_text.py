r"""Makes texts from events harmless to an assistant that reads them.

A text may have been written so that it looks like the end of the data, or like an order. Controls, line breaks,
invisible characters and those that turn a line around become visible escapes such as ``\u202e``; so do runs of
backticks or tildes, which would close a fence, and a ``<`` that would begin a tag. What a sentence says cannot be taken
away: that it is data is said beside it, and its length is bounded.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from audit_webhook.events.visible_text import shown

LONGEST: Final = 600
MOST_ITEMS: Final = 60
"""So many values of a list inside an answer are shown; how many more there are is said in the place of the next."""
MOST_DEPTH: Final = 8
_SHORTER: Final = ((200, 20), (80, 8), (30, 3))
_FENCE: Final = re.compile(r"`{3,}|~{3,}")
_TAG: Final = re.compile(r"<(?=[A-Za-z/!?|])")


def make_safe(text: str, longest: int = LONGEST) -> str:
    """Return a text with what could act or pass for something else written out, cut where it is too long."""
    written = _FENCE.sub(lambda found: f"\\u{ord(found[0][0]):04x}" * len(found[0]), shown(text, longest=longest))
    written = _TAG.sub(r"\\u003c", written)
    return written if len(written) <= 2 * longest + 100 else f"{written[:2 * longest]}… ({len(text):,} characters)"


def make_document_safe(value: Any, longest: int = LONGEST, most: int = MOST_ITEMS, depth: int = MOST_DEPTH) -> Any:
    """Return a JSON value with every text in it made safe, names of members too; a list has at most so many items."""
    if isinstance(value, str):
        return make_safe(value, longest)
    if isinstance(value, dict) and depth:
        made = ((name, make_document_safe(each, longest, most, depth - 1)) for name, each in value.items())
        return {make_safe(str(name)): each for name, each in made}
    if isinstance(value, list | tuple) and depth:
        more = [f"… and {len(value) - most:,} more"] if len(value) > most else []
        return [make_document_safe(each, longest, most, depth - 1) for each in value[:most]] + more
    return value if isinstance(value, bool | int | float) or value is None else make_safe(str(value), longest)


def make_short(value: dict[str, Any], most_bytes: int) -> dict[str, Any]:
    """Return an object made safe, its texts and lists cut more and more until it is no longer than some bytes.

    Otherwise one event with huge values would leave no room for those behind it, and so hide them.
    """
    made: dict[str, Any] = {}
    for longest, most in ((LONGEST, MOST_ITEMS), *_SHORTER):
        made = make_document_safe(value, longest, most)
        if longest < LONGEST:
            made["shortened"] = f"texts to {longest} characters, lists to {most}"
        if size_of(made) <= most_bytes:
            break
    return made


def size_of(value: Any) -> int:
    """Return how many bytes a value has as JSON."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
