"""Which items of two arrays are the same thing: by the field that Kubernetes tells them apart by, or by being equal.

The merge keys are those of the API's types (``patchMergeKey`` in k8s.io/api); a strategic merge patch needs them, and a
comparison that knows them can say what changed within an item.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

import orjson

MERGE_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "devices": ("name",),
    "drivers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "addresses": ("type",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "matchConditions": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "ports": ("containerPort", "port"),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "secrets": ("name",),
    "taints": ("key",),
    "topologySpreadConstraints": ("topologyKey",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
    "webhooks": ("name",),
}
SETS: Final = frozenset({"finalizers", "podCIDRs"})
_LIKELY: Final = ("name", "uid", "type", "key", "containerPort", "port", "mountPath", "ip")
MOST_COMPARED: Final = 100  # the comparison takes the square of it


def merge_key(field: str, items: list[object]) -> str:
    """Give the key by which a strategic merge patch tells the items of a field apart; empty when it replaces them."""
    for key in MERGE_KEYS.get(field, ()):
        if items and all(isinstance(item, dict) and (key in item or "$patch" in item) for item in items):
            return key
    return ""


def telling_key(*lists: list[object]) -> str:
    """Give a key that every item of the arrays has and that no two items of one array share; empty without one."""
    for key in _LIKELY:
        if all(_values(key, items) is not None for items in lists):
            return key
    return ""


def _values(key: str, items: list[object]) -> list[str] | None:
    """Give each item's value of a key, as text; None when they do not tell the items apart."""
    values = []
    for item in items:
        value = item.get(key) if isinstance(item, dict) else None
        if not isinstance(value, str | int):
            return None
        values.append(str(value))
    return values if len(set(values)) == len(values) else None


def pairs(old: list[object], new: list[object]) -> Iterator[tuple[int | None, int | None]]:
    """Give the positions of items that belong together, in the new order, removed ones where they stood.

    An item that only one array has is paired with None.
    """
    key = telling_key(old, new)
    if key:
        yield from _pairs_by_key(key, old, new)
    elif len(old) > MOST_COMPARED or len(new) > MOST_COMPARED:
        yield from _pairs_by_position(range(len(old)), range(len(new)))
    else:
        matcher = SequenceMatcher(None, _written(old), _written(new), autojunk=False)
        for _, a, b, c, d in matcher.get_opcodes():
            yield from _pairs_by_position(range(a, b), range(c, d))


def _written(items: list[object]) -> list[bytes]:
    return [orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in items]


def _pairs_by_position(old: range, new: range) -> Iterator[tuple[int | None, int | None]]:
    for offset in range(max(len(old), len(new))):
        yield (old[offset] if offset < len(old) else None, new[offset] if offset < len(new) else None)


def _pairs_by_key(key: str, old: list[object], new: list[object]) -> Iterator[tuple[int | None, int | None]]:
    before, after = _values(key, old) or [], _values(key, new) or []
    if before == after:
        yield from ((position, position) for position in range(len(new)))
        return
    places = {value: position for position, value in enumerate(before)}
    kept = set(after)
    yield from ((position, None) for position, value in enumerate(before) if value not in kept)
    yield from ((places.get(value), position) for position, value in enumerate(after))
