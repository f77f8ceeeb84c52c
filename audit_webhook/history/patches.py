"""Applies patches as an apiserver does, to know what an object became where only the patch was recorded.

JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386), strategic merge patch (k8s.io/apimachinery pkg/util/strategicpatch)
and server-side apply. Which of them a body is, the audit event does not say: see `kind_of`.

What a patch leaves alone or brings is shared with the result, which nobody changes. Items of arrays are found by their
key in a table: an array and a patch of 60,000 items each would take minutes one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from audit_webhook.history.json_patch import PatchRefused, apply_json_patch
from audit_webhook.history.lists import SETS, identity, merge_key, telling_key

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
        return patch
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
    return declared


def merge_strategically(document: object, patch: Mapping[str, object]) -> object:
    """Apply a strategic merge patch with its directives; arrays that have a merge key are merged item by item."""
    directive = patch.get("$patch")
    if directive in ("replace", "delete"):
        return {} if directive == "delete" else {key: each for key, each in patch.items() if key != "$patch"}
    merged = dict(document) if isinstance(document, dict) else {}
    retained = patch.get("$retainKeys")
    if isinstance(retained, list):
        kept = {key for key in retained if isinstance(key, str)}
        merged = {key: each for key, each in merged.items() if key in kept}
    for key, each in patch.items():
        if not key.startswith(_DIRECTIVES):
            _merge_member(merged, key, each)
    for key, each in patch.items():
        name = key.partition("/")[2]
        if key.startswith("$deleteFromPrimitiveList/") and isinstance(each, list):
            removed = set(map(identity, each))
            merged[name] = [item for item in _list(merged.get(name)) if identity(item) not in removed]
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
        known = set(map(identity, items))
        return [*items, *(each for each in patch if identity(each) not in known)]
    key = merge_key(field, patch)
    return _merge_by_key(items, key, [each for each in patch if isinstance(each, dict)]) if key else patch


def _merge_by_key(items: list[object], key: str, patches: list[dict[str, object]]) -> list[object]:
    """Return an array with each patched item changed, added, or taken away with all that have its key."""
    merged: list[object] = list(items)
    places: dict[object, list[int]] = {}
    for position, item in enumerate(items):
        if isinstance(item, dict):
            places.setdefault(identity(item.get(key)), []).append(position)
    gone: set[int] = set()
    for patch in patches:
        name = identity(patch.get(key))
        if patch.get("$patch") == "delete":
            gone.update(places.pop(name, ()))
        elif name in places:
            first = places[name][0]
            merged[first] = merge_strategically(merged[first], patch)
        else:
            places[name] = [len(merged)]
            merged.append(merge_strategically({}, patch))
    return [item for position, item in enumerate(merged) if position not in gone]


def _in_order(field: str, items: list[object], order: list[object]) -> list[object]:
    """Sort items as the patch lists them; those that it does not list keep their place behind what precedes them."""
    key = merge_key(field, order)
    wanted: dict[object, int] = {}
    for rank, item in enumerate(order):
        wanted.setdefault(identity(item.get(key) if key and isinstance(item, dict) else item), rank)
    ranks: list[tuple[int, int]] = []
    rank = -1
    for position, item in enumerate(items):
        rank = wanted.get(identity(item.get(key) if key and isinstance(item, dict) else item), rank)
        ranks.append((rank, position))
    return [items[position] for _, position in sorted(ranks)]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
