"""What holds of a JSON Patch (RFC 6902) whatever the document: each operation does one thing and can be undone."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from audit_webhook.history.json_patch import apply_json_patch

KEYS = st.sampled_from(["a", "b", "a/b", "m~n", "~1", "", "0", "-"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)
few = settings(max_examples=60, deadline=None, derandomize=True)


def places(value: Any, above: str = "") -> list[tuple[str, Any]]:
    """Return each place below a value, as a JSON Pointer, with what stands there."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, inner in members:
        pointer = f"{above}/{str(key).replace('~', '~0').replace('/', '~1')}"
        found += [(pointer, inner), *places(inner, pointer)]
    return found


def text_of(value: Any) -> str:
    """Return a value as JSON, in which true and 1 are not the same."""
    return json.dumps(value, sort_keys=True)


def op(name: str, path: str, **rest: Any) -> dict[str, Any]:
    return {"op": name, "path": path, **rest}


@few
@given(DOCUMENTS, VALUES)
def test_what_is_put_somewhere_stands_there_and_can_be_put_back(document: Any, value: Any) -> None:
    before = text_of(document)
    for path, old in places(document):
        changed = apply_json_patch(document, [op("replace", path, value=value)])
        assert text_of(dict(places(changed))[path]) == text_of(value)
        assert text_of(apply_json_patch(changed, [op("replace", path, value=old)])) == before
    assert text_of(document) == before


@few
@given(DOCUMENTS, VALUES)
def test_removing_undoes_adding_and_adding_undoes_removing(document: Any, value: Any) -> None:
    before = text_of(document)
    for path, old in places(document):
        removed = apply_json_patch(document, [op("remove", path)])
        assert text_of(apply_json_patch(removed, [op("add", path, value=old)])) == before
    added = apply_json_patch(document, [op("add", "/new", value=value)])
    assert text_of(added) == text_of({**document, "new": value})
    assert text_of(apply_json_patch(added, [op("remove", "/new")])) == before


@few
@given(DOCUMENTS)
def test_copy_and_move_are_what_they_are_made_of(document: Any) -> None:
    before = text_of(document)
    for path, old in places(document):
        copied = apply_json_patch(document, [op("copy", "/new", **{"from": path}), op("test", "/new", value=old)])
        assert text_of(copied) == text_of({**document, "new": old})
        moved = apply_json_patch(document, [op("move", "/new", **{"from": path})])
        assert text_of(moved) == text_of(apply_json_patch(document, [op("remove", path), op("add", "/new", value=old)]))
    assert text_of(document) == before


@few
@given(DOCUMENTS, VALUES)
def test_two_patches_do_together_what_they_do_one_after_the_other(document: Any, value: Any) -> None:
    first = [op("add", "/new", value=value)]
    after = apply_json_patch(document, first)
    for path, _ in places(after):
        second = [op("remove", path)]
        assert text_of(apply_json_patch(document, first + second)) == text_of(apply_json_patch(after, second))
