"""Nobody is blamed for what requests without any record did, and the history says that there were some."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_webhook.history.life import UNRECORDED, follow
from audit_webhook.history.states import Request
from tests.history.test_life import numbers, request


def deployment(version: str = "1", generation: int | None = None, **changes: Any) -> dict[str, Any]:
    image, labels = changes.pop("image", "app:1"), changes.pop("labels", {})
    metadata: dict[str, Any] = {"name": "web", "uid": "u-1", "resourceVersion": version, "labels": labels}
    if generation is not None:
        metadata["generation"] = generation
    spec = {"replicas": 1, "containers": [{"name": "app", "image": image}], **changes}
    return {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": metadata, "spec": spec}


def test_image_that_an_unrecorded_request_set_is_not_pinned_on_who_scaled_next() -> None:
    life = follow([
        request("create", deployment("1", 1)),
        request("patch", deployment("9", 3, image="evil:1", replicas=5), {"spec": {"replicas": 5}}),
    ])
    found = life.revisions[1].unrecorded
    assert found is not None and found.is_certain and found.writes == 1
    assert "image: evil:1" in "".join(line.text for line in found.difference.essence if line.sign == "+")
    assert numbers(life)["image: evil:1"] == UNRECORDED + 2 and numbers(life)["replicas: 5"] == 2
    own = life.revisions[1].difference
    assert own is not None and [line.text.strip() for line in own.essence if line.sign == "+"] == ["replicas: 5"]


def test_jump_of_the_generation_is_a_change_of_its_own_even_when_nothing_differs_any_more() -> None:
    life = follow([
        request("create", deployment("1", 1)),
        request("patch", deployment("9", 4, replicas=2), {"spec": {"replicas": 2}}),
    ])
    found = life.revisions[1].unrecorded
    assert found is not None and found.writes == 2 and found.is_certain
    assert numbers(life)["replicas: 2"] == 2


def test_defaults_that_the_server_adds_within_the_request_are_the_request_s_own() -> None:
    life = follow([
        request("create", deployment("1", 1)),
        request("patch", deployment("2", 2, type="NodePort", nodePort=30001), {"spec": {"type": "NodePort"}}),
    ])
    assert life.revisions[1].unrecorded is None and numbers(life)["nodePort: 30001"] == 2


def test_label_beside_a_patch_is_told_as_uncertain() -> None:
    life = follow([
        request("create", deployment("1", 1)),
        request("patch", deployment("3", 2, replicas=2, labels={"a": "b"}), {"spec": {"replicas": 2}}),
    ])
    found = life.revisions[1].unrecorded
    assert found is not None and not found.is_certain
    assert numbers(life)["a: b"] == UNRECORDED + 2 and numbers(life)["replicas: 2"] == 2


def configmap(version: str, **values: str) -> dict[str, Any]:
    metadata = {"name": "web", "uid": "u", "resourceVersion": version}
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": values}


@pytest.mark.parametrize("patch", [
    {"data": {"mine": "2"}}, [{"op": "replace", "path": "/data/mine", "value": "2"}],
], ids=["merge", "json"])
def test_line_that_the_patch_does_not_touch_is_nobody_s_whatever_the_kind_of_patch(patch: object) -> None:
    life = follow([
        request("create", configmap("1", mine="1", other="1")),
        request("patch", configmap("3", mine="2", other="2"), patch),
    ])
    assert numbers(life)["other: \"2\""] == UNRECORDED + 2 and numbers(life)["mine: \"2\""] == 2


def test_removed_line_that_the_patch_does_not_touch_is_told_too() -> None:
    life = follow([
        request("create", configmap("1", mine="1", other="1")),
        request("patch", configmap("3", mine="2"), {"data": {"mine": "2"}}),
    ])
    found = life.revisions[1].unrecorded
    assert found is not None
    assert [line.text.strip() for line in found.difference.essence if line.sign == "-"] == ["other: \"1\""]


def test_update_of_a_version_that_was_not_recorded_repeats_what_others_set() -> None:
    life = follow([
        request("create", configmap("1", mine="1", other="1")),
        request("update", configmap("4", mine="2", other="2"), configmap("3", mine="2", other="2")),
    ])
    found = life.revisions[1].unrecorded
    assert found is not None and found.is_certain and found.difference is None
    assert numbers(life)["mine: \"2\""] == numbers(life)["other: \"2\""] == -2


def test_update_of_the_version_that_was_recorded_is_all_the_client_s() -> None:
    life = follow([
        request("create", configmap("1", mine="1")),
        request("update", configmap("2", mine="2", more="3"), configmap("1", mine="2", more="3")),
    ])
    assert life.revisions[1].unrecorded is None
    assert numbers(life)["mine: \"2\""] == numbers(life)["more: \"3\""] == 2


def test_status_that_changed_in_between_makes_no_update_doubtful() -> None:
    sent = deployment("7", 1, replicas=3)
    life = follow([
        request("create", deployment("1", 1)),
        request("update", deployment("8", 2, replicas=3), sent),
    ])
    assert life.revisions[1].unrecorded is None and numbers(life)["replicas: 3"] == 2


def test_change_before_a_graceful_deletion_is_told() -> None:
    gone = configmap("3", mine="9")
    gone["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x/y"]}
    before = configmap("1", mine="1")
    before["metadata"]["finalizers"] = ["x/y"]
    life = follow([request("create", before), request("delete", gone)])
    assert life.revisions[1].deed == "deleting" and life.revisions[1].unrecorded is not None
    assert numbers(life)["mine: \"9\""] == UNRECORDED + 2


KEYS = st.sampled_from(["a", "b", "c", "d"])
DATA = st.dictionaries(KEYS, st.sampled_from(["1", "2", "3"]), max_size=4)


@settings(max_examples=300, deadline=None)
@given(DATA, DATA, st.dictionaries(KEYS, st.sampled_from(["1", "2", "3"]) | st.none(), min_size=1, max_size=3))
def test_no_request_is_blamed_for_a_line_that_its_body_does_not_hold(
    start: dict[str, str], hidden: dict[str, str], patch: dict[str, str | None]
) -> None:
    """Whatever somebody did in between, a patch has set only lines that are in it."""
    after = copy.deepcopy(hidden)
    for key, value in patch.items():
        if value is None:
            after.pop(key, None)
        else:
            after[key] = value
    life = follow([
        request("create", configmap("1", **start)), request("patch", configmap("3", **after), {"data": patch}),
    ])
    for text, number in numbers(life).items():
        key = text.partition(":")[0]
        if key in ("a", "b", "c", "d") and number == 2:
            assert key in patch
    if any(hidden.get(key) != start.get(key) for key in set(hidden) | set(start) if key not in patch):
        assert life.revisions[1].unrecorded is not None


@pytest.mark.parametrize("body", [None, [], "text", {"metadata": []}, {"metadata": {"generation": "x"}}, [{"op": 1}]])
def test_hostile_bodies_tell_of_nothing_and_break_nothing(body: object) -> None:
    answer = {"kind": "ConfigMap", "metadata": {"name": "web", "generation": "7", "resourceVersion": 3}, "data": []}
    life = follow([
        request("create", {"kind": "ConfigMap", "metadata": {"name": "web", "generation": None}}),
        Request("", "patch", "web", code=200, level="RequestResponse", request=body, response=answer),
    ])
    assert len(life.revisions) == 2
