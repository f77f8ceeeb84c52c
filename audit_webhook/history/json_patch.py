"""JSON Patch as RFC 6902 defines it, with the pointers of RFC 6901; the document that is given stays as it is."""

from __future__ import annotations

import copy
import re
from typing import Final

MOST_OPERATIONS: Final = 10_000  # as the apiserver allows (k8s.io/apiserver pkg/endpoints/handlers/patch.go)
MOST_COPIED: Final = 1_000
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


class PatchRefused(ValueError):
    """The patch is none, or does not fit the document."""


def apply_json_patch(document: object, patch: object) -> object:
    """Apply all operations in order, or raise PatchRefused at the first that does not fit."""
    if not isinstance(patch, list) or len(patch) > MOST_OPERATIONS:
        raise PatchRefused("a JSON Patch is an array of at most 10,000 operations")
    if sum(isinstance(each, dict) and each.get("op") == "copy" for each in patch) > MOST_COPIED:
        # Copies of copies grow without bound.
        raise PatchRefused("too many copies")
    changed = [copy.deepcopy(document)]
    for operation in patch:
        if not isinstance(operation, dict):
            raise PatchRefused("an operation is an object")
        _operate(changed, operation)
    return changed[0]


def read_pointer(pointer: object) -> list[str]:
    """Give the steps of a JSON Pointer; raises PatchRefused."""
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise PatchRefused(f"{pointer!r} is no JSON Pointer")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _operate(root: list[object], operation: dict[str, object]) -> None:
    path = ["0", *read_pointer(operation.get("path"))]
    match operation.get("op"):
        case "add":
            _add(root, path, copy.deepcopy(operation.get("value")))
        case "remove":
            _remove(root, path)
        case "replace":
            _set(root, path, copy.deepcopy(operation.get("value")))
        case "move":
            _add(root, path, _remove(root, ["0", *read_pointer(operation.get("from"))]))
        case "copy":
            _add(root, path, copy.deepcopy(_get(root, ["0", *read_pointer(operation.get("from"))])))
        case "test":
            if _get(root, path) != operation.get("value"):
                raise PatchRefused("a test of the patch fails")
        case other:
            raise PatchRefused(f"{other!r} is no operation")


def _get(value: object, path: list[str]) -> object:
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list):
            value = value[_place(value, step)]
        else:
            raise PatchRefused(f"there is no {step!r}")
    return value


def _place(items: list[object], step: str, is_new: bool = False) -> int:
    if is_new and step == "-":
        return len(items)
    if not _INDEX.fullmatch(step) or int(step) >= len(items) + is_new:
        raise PatchRefused(f"there is no item {step!r}")
    return int(step)


def _add(root: list[object], path: list[str], value: object) -> None:
    parent = _get(root, path[:-1])
    if isinstance(parent, dict):
        parent[path[-1]] = value
    elif len(path) == 1:
        root[0] = value
    elif isinstance(parent, list):
        parent.insert(_place(parent, path[-1], is_new=True), value)
    else:
        raise PatchRefused(f"nothing can be added at {path[-1]!r}")


def _set(root: list[object], path: list[str], value: object) -> None:
    _get(root, path)
    parent = _get(root, path[:-1])
    if isinstance(parent, dict):
        parent[path[-1]] = value
    elif isinstance(parent, list):
        parent[_place(parent, path[-1])] = value


def _remove(root: list[object], path: list[str]) -> object:
    value = _get(root, path)
    parent = _get(root, path[:-1])
    if isinstance(parent, dict):
        del parent[path[-1]]
    elif isinstance(parent, list):
        del parent[_place(parent, path[-1])]
    return value
