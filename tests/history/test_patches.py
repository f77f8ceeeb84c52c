"""What a patch makes of an object, against the rules of its kind and against what a real apiserver answered."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit_webhook.history.diff import compare
from audit_webhook.history.json_patch import PatchRefused, apply_json_patch
from audit_webhook.history.patches import apply, has_directives, kind_of, merge, merge_declared, merge_strategically
from audit_webhook.history.states import Request, after_write

RECORDED = Path(__file__).parents[1] / "data" / "history.json.gz"


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": 1}, [{"op": "add", "path": "/b", "value": 2}], {"a": 1, "b": 2}),
        ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": 1, "b": 2}, [{"op": "remove", "path": "/a"}], {"b": 2}),
        ({"a": [1, 2]}, [{"op": "remove", "path": "/a/0"}], {"a": [2]}),
        ({"a/b": 1, "m~n": 2}, [{"op": "replace", "path": "/a~1b", "value": 0}, {"op": "remove", "path": "/m~0n"}],
         {"a/b": 0}),
        ({"a": {"x": 1}}, [{"op": "move", "from": "/a/x", "path": "/b"}], {"a": {}, "b": 1}),
        ({"a": {"x": 1}}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": {"x": 1}, "b": {"x": 1}}),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": 1}, {"op": "replace", "path": "", "value": []}], []),
    ],
)
def test_json_patch_does_what_its_rfc_says(document: object, patch: object, expected: object) -> None:
    before = json.dumps(document)
    assert apply_json_patch(document, patch) == expected
    assert json.dumps(document) == before


@pytest.mark.parametrize(
    "patch",
    [
        {"op": "add"}, [1], [{"op": "add", "path": "a"}], [{"op": "add", "path": 7}], [{"op": "fly", "path": "/a"}],
        [{"op": "remove", "path": "/none"}], [{"op": "replace", "path": "/list/01", "value": 0}],
        [{"op": "add", "path": "/list/9", "value": 0}], [{"op": "add", "path": "/text/x", "value": 0}],
        [{"op": "test", "path": "/text", "value": "other"}], [{"op": "move", "path": "/x"}], [{"path": "/x"}],
        [{"op": "copy", "from": "", "path": "/x"}] * 1_001,
    ],
)
def test_json_patch_that_does_not_fit_is_refused(patch: object) -> None:
    with pytest.raises(PatchRefused):
        apply_json_patch({"list": [1, 2], "text": "t"}, patch)


def test_merge_patch_removes_with_null_and_replaces_lists() -> None:
    document = {"a": {"x": 1, "y": 2}, "list": [1, 2], "b": "text"}
    patch = {"a": {"x": None, "z": {"new": None, "kept": 1}}, "list": [3], "b": {"now": "an object"}}
    assert merge(document, patch) == {"a": {"y": 2, "z": {"kept": 1}}, "list": [3], "b": {"now": "an object"}}


def containers(**images: str) -> dict[str, Any]:
    return {"containers": [{"name": name, "image": image} for name, image in images.items()]}


def test_strategic_patch_changes_the_container_of_its_name() -> None:
    patched = merge_strategically(containers(web="1", log="1"), {"containers": [{"name": "log", "image": "2"}]})
    assert patched == containers(web="1", log="2")


def test_strategic_patch_knows_its_directives() -> None:
    document = {**containers(web="1", log="1"), "strategy": {"type": "Rolling", "rolling": {"x": 1}}}
    patch = {
        "$setElementOrder/containers": [{"name": "new"}, {"name": "web"}],
        "containers": [{"name": "new", "image": "1"}, {"name": "log", "$patch": "delete"}],
        "strategy": {"$retainKeys": ["type"], "type": "Recreate"},
    }
    assert merge_strategically(document, patch) == {**containers(new="1", web="1"), "strategy": {"type": "Recreate"}}
    assert merge_strategically({"a": {"x": 1}}, {"a": {"$patch": "replace", "y": 2}}) == {"a": {"y": 2}}
    assert merge_strategically({"a": {"x": 1}}, {"a": {"$patch": "delete"}}) == {"a": {}}
    replaced = merge_strategically(containers(web="1"), {"containers": [{"$patch": "replace"}, {"name": "b"}]})
    assert replaced == {"containers": [{"name": "b"}]}


def test_strategic_patch_treats_finalizers_as_a_set() -> None:
    document = {"metadata": {"finalizers": ["a", "b"]}}
    assert merge_strategically(document, {"metadata": {"finalizers": ["b", "c"]}}) == {
        "metadata": {"finalizers": ["a", "b", "c"]}
    }
    removal = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert merge_strategically(document, removal) == {"metadata": {"finalizers": ["b"]}}


def test_strategic_patch_replaces_lists_without_a_key() -> None:
    assert merge_strategically({"args": ["a", "b"]}, {"args": ["c"]}) == {"args": ["c"]}


def test_server_side_apply_leaves_what_it_does_not_declare() -> None:
    declared = {"spec": {"containers": [{"name": "web", "image": "2"}]}}
    assert merge_declared({"spec": {**containers(web="1", log="1"), "replicas": 3}}, declared) == {
        "spec": {**containers(web="2", log="1"), "replicas": 3}
    }


def test_kind_of_a_patch_follows_from_its_body() -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    assert kind_of([], True, True) == "json"
    assert kind_of(manifest, True, True) == "apply"
    assert kind_of(manifest, True, False) == kind_of({"spec": {}}, True, True) == "strategic"
    assert kind_of({"spec": {}}, False, True) == "merge"
    assert kind_of({"spec": {"$setElementOrder/env": []}}, False, True) == "strategic"
    assert has_directives([{"a": [{"$patch": "delete"}]}]) and not has_directives({"a": [1, "$patch"]})


def test_apply_takes_only_objects_for_merging() -> None:
    with pytest.raises(PatchRefused):
        apply({}, "text", "merge")


def recorded_patches() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(gzip.decompress(RECORDED.read_bytes()))
    return found


@pytest.mark.parametrize("case", recorded_patches(), ids=lambda case: str(case["id"]))
def test_patch_gives_what_the_apiserver_answered(case: dict[str, Any]) -> None:
    request = Request("", "patch", case["name"], case["subresource"], 200, is_built_in=case["is_built_in"],
                      has_manager=case["has_manager"], request=case["request"])
    result = after_write(case["before"], request)
    assert result is not None and result.is_rebuilt
    assert compare(result.manifest, case["after"]).essence == ()


def test_scale_and_binding_change_the_object_they_belong_to() -> None:
    base = {"spec": {"replicas": 1}}
    scale = {"kind": "Scale", "metadata": {"name": "web"}, "spec": {"replicas": 4}}
    scaled = after_write(base, Request("", "patch", "web", "scale", 200, response=scale))
    assert scaled is not None and scaled.manifest == {"spec": {"replicas": 4}}
    sent = {"target": {"name": "node-1"}}
    bound = after_write({"spec": {}}, Request("", "create", "p", "binding", 201, request=sent))
    assert bound is not None and bound.manifest == {"spec": {"nodeName": "node-1"}}


def test_update_keeps_what_clients_cannot_set() -> None:
    base = {"metadata": {"name": "a", "uid": "u"}, "data": {"x": "1"}, "status": {"phase": "Ready"}}
    sent = {"metadata": {"name": "a"}, "data": {"y": "2"}, "status": {"phase": "Lie"}}
    request = Request("", "update", "a", code=200, request=sent)
    result = after_write(base, request)
    assert result is not None and result.manifest == {
        "metadata": {"name": "a", "uid": "u"}, "data": {"y": "2"}, "status": {"phase": "Ready"},
    }
    of_status = after_write(base, replace(request, subresource="status"))
    assert of_status is not None and of_status.manifest == {**base, "status": {"phase": "Lie"}}


@pytest.mark.parametrize("response", [None, {"kind": "Status"}, {"kind": "Table"}, "text", {"kind": 7}, []])
def test_answer_that_is_not_the_object_tells_nothing(response: object) -> None:
    assert after_write({}, Request("", "patch", "a", code=200, response=response)) is None


def applied(document: object, patch: object) -> object:
    try:
        return apply_json_patch(document, patch)
    except PatchRefused:
        return "refused"


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "copy", "from": "/a", "path": "/a/-"}] * 1_000, [{"op": "copy", "from": "", "path": "/b"}] * 1_000,
        [{"op": "add", "path": "/a" + "/0" * depth, "value": [1]} for depth in range(1_000)],
        [{"op": "move", "from": "/a", "path": "/b"}, {"op": "add", "path": "/a", "value": {}},
         {"op": "move", "from": "/b", "path": "/a/a"}] * 1_000,
        [{"op": "remove", "path": ""}], [{"op": "move", "from": "", "path": "/a"}],
        [{"op": "add", "path": "/a/0", "value": [0] * 1_000}] * 2_000,
    ],
    ids=["copies", "copies of all", "additions", "moves", "removal of all", "move of all", "insertions"],
)
def test_patch_that_asks_for_endless_work_is_refused(patch: object) -> None:
    before = {"a": [1], "b": {}}
    began = time.thread_time()
    assert applied(before, patch) == "refused"
    assert time.thread_time() - began < 2 and before == {"a": [1], "b": {}}


@pytest.mark.parametrize("directive", ["", "$setElementOrder/", "$deleteFromPrimitiveList/"])
@pytest.mark.parametrize("field", ["imagePullSecrets", "finalizers", "env"])
def test_merging_many_items_takes_time_linear_in_their_number(field: str, directive: str) -> None:
    def seconds(count: int) -> float:
        old = [{"name": f"n{n}"} for n in range(count)] if field != "finalizers" else [f"n{n}" for n in range(count)]
        new = [{"name": f"m{n}"} for n in range(count)] if field != "finalizers" else [f"m{n}" for n in range(count)]
        began = time.thread_time()
        merged: Any = merge_strategically({field: old}, {field: new, f"{directive}{field}": new})
        assert len(merged[field]) >= count
        return time.thread_time() - began

    assert min(seconds(16_000) for _ in range(2)) < 12 * min(seconds(4_000) for _ in range(3)) + 0.05


def test_merge_finds_items_by_their_key_as_an_apiserver_does() -> None:
    document = {"containers": [{"name": "a", "image": "1"}, {"name": "b"}, {"name": "a", "image": "2"}]}
    patch = {"containers": [{"name": "a", "image": "3"}, {"name": "c"}, {"name": "c", "tty": True},
                            {"name": "b", "$patch": "delete"}]}
    assert merge_strategically(document, patch) == {
        "containers": [{"name": "a", "image": "3"}, {"name": "a", "image": "2"}, {"name": "c", "tty": True}]
    }
