"""Applies patches as an apiserver does, to know what an object became where only the patch was recorded.

JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386), strategic merge patch (k8s.io/apimachinery pkg/util/strategicpatch)
and server-side apply. Which of them a body is, the audit event does not say: see `kind_of`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Final, Literal

from audit_webhook.history.json_patch import PatchRefused, apply_json_patch
from audit_webhook.history.lists import SETS, merge_key, telling_key

PatchKind = Literal["json", "merge", "strategic", "apply"]
_DIRECTIVES: Final = ("$patch", "$retainKeys", "$setElementOrder/", "$deleteFromPrimitiveList/")


def kind_of(patch: object, is_built_in: bool, has_manager: bool) -> PatchKind:
    """Tell what a PATCH's body is.

    An array is a JSON Patch. Server-side apply must name the type and a field manager. Strategic merge patch is what
    clients send for built-in types; custom resources know only merge patch.
    """
    if isinstance(patch, list):
        return "json"
    if has_directives(patch):
        return "strategic"
    if isinstance(patch, dict) and has_manager and {"apiVersion", "kind"} <= patch.keys():
        return "apply"
    return "strategic" if is_built_in else "merge"


def has_directives(value: object) -> bool:
    """Whether a strategic merge patch's own words stand anywhere in it."""
    if isinstance(value, dict):
        return any(str(key).startswith(_DIRECTIVES) or has_directives(each) for key, each in value.items())
    return isinstance(value, list) and any(has_directives(each) for each in value)


def apply(document: object, patch: object, kind: PatchKind) -> object:
    """Give the document after a patch; the given one stays as it is. Raises PatchRefused."""
    if kind == "json":
        return apply_json_patch(document, patch)
    if not isinstance(patch, dict):
        raise PatchRefused("a merge patch is a JSON object")
    if kind == "merge":
        return merge(document, patch)
    return merge_strategically(document, patch) if kind == "strategic" else merge_declared(document, patch)


def merge(document: object, patch: object) -> object:
    """Apply a JSON Merge Patch: members replace members, null removes them, arrays are replaced whole."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(document) if isinstance(document, dict) else {}
    for key, each in patch.items():
        if each is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), each)
    return merged


def merge_declared(document: object, declared: object) -> object:
    """Apply a server-side apply: what is declared is set, items of arrays are told apart by their key.

    What the same manager declared before and now leaves out is not known here and stays.
    """
    if isinstance(declared, dict):
        merged = dict(document) if isinstance(document, dict) else {}
        return merged | {key: merge_declared(merged.get(key), each) for key, each in declared.items()}
    if isinstance(declared, list) and isinstance(document, list) and document:
        key = telling_key(declared, document)
        if key:
            by_key = {item[key]: item for item in declared if isinstance(item, dict)}
            kept = [
                merge_declared(item, by_key.pop(item[key])) if item[key] in by_key else item
                for item in document if isinstance(item, dict)
            ]
            return [*kept, *by_key.values()]
    return copy.deepcopy(declared)


def merge_strategically(document: object, patch: Mapping[str, object]) -> object:
    """Apply a strategic merge patch with its directives; arrays that have a merge key are merged item by item."""
    directive = patch.get("$patch")
    if directive in ("replace", "delete"):
        return {} if directive == "delete" else {key: each for key, each in patch.items() if key != "$patch"}
    merged = dict(document) if isinstance(document, dict) else {}
    retained = patch.get("$retainKeys")
    if isinstance(retained, list):
        merged = {key: each for key, each in merged.items() if key in retained}
    for key, each in patch.items():
        if not key.startswith(_DIRECTIVES):
            _merge_member(merged, key, each)
    for key, each in patch.items():
        name = key.partition("/")[2]
        if key.startswith("$deleteFromPrimitiveList/") and isinstance(each, list):
            merged[name] = [item for item in _list(merged.get(name)) if item not in each]
        elif key.startswith("$setElementOrder/") and isinstance(each, list) and name in merged:
            merged[name] = _in_order(name, _list(merged[name]), each)
    return merged


def _merge_member(merged: dict[str, object], key: str, each: object) -> None:
    if each is None:
        merged.pop(key, None)
    elif isinstance(each, dict):
        merged[key] = merge_strategically(merged.get(key), each)
    elif isinstance(each, list):
        merged[key] = _merge_items(key, _list(merged.get(key)), each)
    else:
        merged[key] = each


def _merge_items(field: str, items: list[object], patch: list[object]) -> list[object]:
    if any(isinstance(each, dict) and each.get("$patch") == "replace" for each in patch):
        return [each for each in patch if not (isinstance(each, dict) and each.get("$patch") == "replace")]
    if field in SETS:
        return [*items, *(each for each in patch if each not in items)]
    key = merge_key(field, patch)
    if not key:
        return copy.deepcopy(patch)
    merged = list(items)
    for each in patch:
        if isinstance(each, dict):
            _merge_item(merged, key, each)
    return merged


def _merge_item(items: list[object], key: str, patch: dict[str, object]) -> None:
    """Merge one item into an array in place: change it, add it, or take away what has its key."""
    places = [
        position for position, item in enumerate(items) if isinstance(item, dict) and item.get(key) == patch.get(key)
    ]
    if patch.get("$patch") == "delete":
        for position in reversed(places):
            del items[position]
    elif places:
        items[places[0]] = merge_strategically(items[places[0]], patch)
    else:
        items.append(merge_strategically({}, patch))


def _in_order(field: str, items: list[object], order: list[object]) -> list[object]:
    """Sort items as the patch lists them; those that it does not list keep their place behind what precedes them."""
    key = merge_key(field, order)
    wanted = [item.get(key) if key and isinstance(item, dict) else item for item in order]
    ranks: list[tuple[int, int]] = []
    rank = -1
    for position, item in enumerate(items):
        value = item.get(key) if key and isinstance(item, dict) else item
        rank = wanted.index(value) if value in wanted else rank
        ranks.append((rank, position))
    return [items[position] for _, position in sorted(ranks)]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
