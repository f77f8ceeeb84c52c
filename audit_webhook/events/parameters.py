"""Reads the parameters of a request's URI, whose query a client can make a megabyte of percent signs.

The library's parser takes half a second for those; this one reads each character a few times at most.
"""

from __future__ import annotations

import re
from itertools import product
from string import hexdigits
from typing import Final

NO_FACTS: Final = ("", False)
MOST_PARAMETERS: Final = 1000
_LONGEST_NAME: Final = 64
_LONGEST_MANAGER: Final = 4096
_ESCAPED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_BYTES: Final = {digits.encode(): bytes.fromhex(digits) for digits in map("".join, product(hexdigits, repeat=2))}


def unquote(text: str) -> str:
    """Return a text as it was before a form encoded it; what is no UTF-8 then becomes U+FFFD."""
    if "%" not in text:
        return text.replace("+", " ")
    encoded = text.replace("+", " ").encode("utf-8", "replace")
    return _ESCAPED.sub(lambda found: _BYTES[found[1]], encoded).decode("utf-8", "replace")


def read_parameters(query: str, most: int) -> dict[str, list[str]]:
    """Return the values of each parameter in their order; none at all when there are more than ``most``."""
    if query.count("&") >= most:
        return {}
    values: dict[str, list[str]] = {}
    for piece in filter(None, query.split("&")):
        name, _, value = piece.partition("=")
        values.setdefault(unquote(name), []).append(unquote(value))
    return values


def query_facts(uri: str) -> tuple[str, bool]:
    """Return the field manager and whether the request was a dry run; `NO_FACTS` when they cannot be read."""
    query = uri.partition("?")[2]
    if "fieldManager" not in query and "dryRun" not in query and "%" not in query:
        return NO_FACTS
    if query.count("&") >= MOST_PARAMETERS:
        return NO_FACTS
    manager, is_dry_run = "", False
    for piece in query.split("&"):
        written, _, value = piece.partition("=")
        name = unquote(written) if "%" in written and len(written) <= _LONGEST_NAME else written
        if name == "fieldManager":
            manager = manager or unquote(value[:_LONGEST_MANAGER])
        elif name == "dryRun":
            is_dry_run = is_dry_run or unquote(value[:_LONGEST_NAME]) == "All"
    return manager, is_dry_run
