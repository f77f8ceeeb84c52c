"""Reads from a URI what its parameters say of any request: the field manager, and whether it was a dry run."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs

NO_FACTS: Final = ("", False)
MOST_PARAMETERS: Final = 1000
_ESCAPED_NAME: Final = re.compile(r"(?:^|&)[^=&%]{0,16}%")


def query_facts(uri: str) -> tuple[str, bool]:
    """Return the field manager and whether the request was a dry run; `NO_FACTS` when they cannot be read."""
    query = uri.partition("?")[2]
    if "fieldManager" not in query and "dryRun" not in query and not _ESCAPED_NAME.search(query):
        return NO_FACTS
    try:
        values = parse_qs(query, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        return NO_FACTS
    return values.get("fieldManager", [""])[0], "All" in values.get("dryRun", ())
