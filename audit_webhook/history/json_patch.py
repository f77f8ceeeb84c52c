"""JSON Patch as RFC 6902 defines it, with the pointers of RFC 6901; the document that is given stays as it is.

A patch of a few hundred bytes can ask for endless work: copies of copies double with each operation, and each addition
may nest one level deeper. `MOST_STEPS` bounds what an operation moves and copies, `DEEPEST` how deep it may nest.
"""

from __future__ import annotations

import re
from typing import Final

from audit_webhook.history.manifest import DEEPEST

MOST_OPERATIONS: Final = 10_000  # as the apiserver allows (k8s.io/apiserver pkg/endpoints/handlers/patch.go)
MOST_STEPS: Final = 100_000
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_ITEMS_A_STEP: Final = 64  # of an array that is moved along to make room for one


class PatchRefused(ValueError):
    """The patch is none, or does not fit the document."""


def apply_json_patch(document: object, patch: object) -> object:
    """Apply all operations in order, or raise PatchRefused at the first that does not fit or when they are too much."""
    if not isinstance(patch, list) or len(patch) > MOST_OPERATIONS:
        raise PatchRefused("a JSON Patch is an array of at most 10,000 operations")
    target = _Target(document)
    for operation in patch:
        if not isinstance(operation, dict):
            raise PatchRefused("an operation is an object")
        target.operate(operation)
    return target.root[0]


def read_pointer(pointer: object) -> list[str]:
    """Give the steps of a JSON Pointer; raises PatchRefused."""
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise PatchRefused("that is no JSON Pointer")
    if pointer.count("/") > DEEPEST:
        raise PatchRefused("a JSON Pointer leads too deep")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


class _Target:
    """A document that operations change: what they change is copied once, all else is shared with the given one."""

    def __init__(self, document: object) -> None:
        self.root: list[object] = [document]
        self._own: dict[int, object] = {id(self.root): self.root}
        self._left = MOST_STEPS

    def operate(self, operation: dict[str, object]) -> None:
        path = ["0", *read_pointer(operation.get("path"))]
        match operation.get("op"):
            case "add":
                self._add(path, self._measured(operation.get("value"), len(path)))
            case "remove":
                self._remove(path)
            case "replace":
                self._replace(path, self._measured(operation.get("value"), len(path)))
            case "move":
                moved = self._remove(["0", *read_pointer(operation.get("from"))])
                self._add(path, self._measured(moved, len(path)))
            case "copy":
                source = _get(self.root, ["0", *read_pointer(operation.get("from"))])
                self._add(path, _clone(self._measured(source, len(path))))
            case "test":
                if _get(self.root, path) != operation.get("value"):
                    raise PatchRefused("a test of the patch fails")
            case _:
                raise PatchRefused("that is no operation")

    def _take(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise PatchRefused("the patch is too much to be followed")

    def _measured(self, value: object, depth: int) -> object:
        """Return a value that is put at a depth, once it is known to be neither too large nor too deep there."""
        level = [value]
        while level := [each for each in level if isinstance(each, dict | list)]:
            depth += 1
            if depth > DEEPEST:
                raise PatchRefused("the patch nests too deep")
            self._take(sum(map(len, level)))
            level = [each for outer in level for each in (outer.values() if isinstance(outer, dict) else outer)]
        return value

    def _parent(self, path: list[str]) -> object:
        """Return what holds the end of a path, as a copy of its own that may be changed."""
        parent: object = self.root
        for step in path[:-1]:
            child = _get(parent, [step])
            if isinstance(child, dict | list) and id(child) not in self._own:
                self._take(1 + len(child) // _ITEMS_A_STEP)
                child = child.copy()
                self._own[id(child)] = child
                _put(parent, step, child)
            parent = child
        if isinstance(parent, list):
            self._take(len(parent) // _ITEMS_A_STEP)
        return parent

    def _add(self, path: list[str], value: object) -> None:
        parent = self._parent(path)
        if isinstance(parent, dict):
            parent[path[-1]] = value
        elif len(path) == 1:
            self.root[0] = value
        elif isinstance(parent, list):
            parent.insert(_place(parent, path[-1], is_new=True), value)
        else:
            raise PatchRefused("nothing can be added there")

    def _replace(self, path: list[str], value: object) -> None:
        _get(self.root, path)
        _put(self._parent(path), path[-1], value)

    def _remove(self, path: list[str]) -> object:
        value = _get(self.root, path)
        if len(path) == 1:
            raise PatchRefused("the whole document cannot be removed")
        parent = self._parent(path)
        if isinstance(parent, dict):
            del parent[path[-1]]
        elif isinstance(parent, list):
            del parent[_place(parent, path[-1])]
        return value


def _get(value: object, path: list[str]) -> object:
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list):
            value = value[_place(value, step)]
        else:
            raise PatchRefused("there is no such member")
    return value


def _put(parent: object, step: str, value: object) -> None:
    if isinstance(parent, dict):
        parent[step] = value
    elif isinstance(parent, list):
        parent[_place(parent, step)] = value


def _place(items: list[object], step: str, is_new: bool = False) -> int:
    if is_new and step == "-":
        return len(items)
    if not _INDEX.fullmatch(step) or int(step) >= len(items) + is_new:
        raise PatchRefused("there is no such item")
    return int(step)


def _clone(value: object) -> object:
    if isinstance(value, dict):
        return {key: _clone(each) for key, each in value.items()}
    return [_clone(each) for each in value] if isinstance(value, list) else value
