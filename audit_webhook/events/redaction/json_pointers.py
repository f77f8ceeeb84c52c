"""JSON Pointers (RFC 6901) of patches, as far as they lead to the data of a Secret."""

from __future__ import annotations

from typing import Final

DATA: Final = frozenset({"data", "stringdata"})


def pointer_steps(path: str | None) -> list[str] | None:
    """Return the steps of a JSON Pointer (RFC 6901), in lower case; None when it is none."""
    if path is None or (path and not path.startswith("/")):
        return None
    return [step.replace("~1", "/").replace("~0", "~").casefold() for step in path.split("/")[1:]]


def is_data(steps: list[str] | None) -> bool:
    """Whether a pointer leads to the data of a Secret or into it."""
    return steps is not None and len(steps) > 0 and steps[0] in DATA


def may_read_data(steps: list[str] | None) -> bool:
    """Whether what a pointer leads to may hold data of a Secret."""
    return not steps or is_data(steps)
