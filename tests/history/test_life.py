"""An object's life as its recorded requests tell it: states, differences, and who set which line."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_webhook.history.diff import compare
from audit_webhook.history.life import UNRECORDED, Life, follow
from audit_webhook.history.manifest import DEEPEST, is_too_deep, to_yaml, write
from audit_webhook.history.states import Request

NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=40), inner, max_size=4),
    max_leaves=20,
)
TRAPS = [
    "", " ", "~", "null", "Yes", "off", "y", "0x1f", "1e3", "1.0", "12:30:45", "2026-11-23", "- a", "a: b", "a #b", "#",
    "a:", "*x", "&x", "!x", "%x", "@x", "`x", "{", "[", "'", '"', "a\n", "a\n\nb\n\n", " a\nb", "a \nb", "\ta\nb",
    "a\u202eb", "\x00", "\x85", "\ufeff", "😀", "x\r\ny", "<<", "=", ".inf", "100m", "1Gi", "0755", "|", "--- a", "...",
]


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_yaml_is_read_back_as_it_was(value: object) -> None:
    assert yaml.safe_load(to_yaml(value)) == value


@pytest.mark.parametrize("text", TRAPS)
def test_text_stays_text_in_yaml(text: str) -> None:
    for value in (text, [text], {text: text}, [{"a": {text: [text]}}]):
        assert yaml.safe_load(to_yaml(value)) == value
    assert "\u202e" not in to_yaml(text)


def test_depth_is_bounded() -> None:
    deep: Any = "leaf"
    for _ in range(DEEPEST - 1):
        deep = [deep]
    assert not is_too_deep(deep) and is_too_deep([[deep]])


def pod(image: str = "1", uid: str = "u-1", **metadata: Any) -> dict[str, Any]:
    return {
        "kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web", "uid": uid, **metadata},
        "spec": {"containers": [{"name": "app", "image": image}]},
    }


def request(verb: str, response: object = None, sent: object = None, **changes: Any) -> Request:
    code = {"create": 201}.get(verb, 200)
    level = "RequestResponse" if response is not None else "Request" if sent is not None else "Metadata"
    return Request(**{"id": "", "verb": verb, "name": "web", "code": code, "level": level, "request": sent,
                      "response": response, **changes})


def deeds(life: Life) -> list[str]:
    return [revision.deed for revision in life.revisions]


def numbers(life: Life) -> dict[str, int]:
    return {line.text.strip(): line.number for line in write(life.manifest, life.marks)}


def difference(life: Life, number: int) -> list[str]:
    found = life.revisions[number - 1].difference
    assert found is not None
    return [f"{sign}{text}" for sign, text in found.essence]


def test_each_line_names_the_request_that_set_it_last() -> None:
    life = follow([
        request("create", pod()), request("patch", pod("2")), request("patch", pod("2", labels={"tier": "gold"})),
    ])
    assert deeds(life) == ["created", "changed", "changed"] and life.exists
    found = numbers(life)
    assert (found["- name: app"], found["image: \"2\""], found["tier: gold"]) == (1, 2, 3)
    assert difference(life, 2) == [
        " spec:", "   containers:", "   - name: app", "-    image: \"1\"", "+    image: \"2\"",
    ]


def test_what_was_there_before_the_first_request_is_nobody_s() -> None:
    life = follow([request("patch", pod("2"), {"spec": {"containers": [{"name": "app", "image": "2"}]}})])
    assert numbers(life)["image: \"2\""] == 1 and numbers(life)["uid: u-1"] == 0
    assert life.revisions[0].difference is None


def test_patch_alone_is_enough_to_follow() -> None:
    life = follow([
        request("create", None, pod()),
        request("patch", None, {"spec": {"containers": [{"name": "app", "image": "2"}]}}),
        request("patch", None, [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]),
    ])
    assert deeds(life) == ["created", "changed", "changed"]
    assert numbers(life)["image: \"2\""] == 2 and numbers(life)["a: b"] == 3
    assert all(revision.is_rebuilt and revision.note for revision in life.revisions)


def test_patch_of_an_unknown_object_gives_a_part_of_it() -> None:
    life = follow([request("patch", None, {"data": {"a": "b"}})])
    assert life.is_partial and life.manifest == {"data": {"a": "b"}}
    assert deeds(follow([request("patch", None, [{"op": "remove", "path": "/a"}])])) == ["unknown"]


def test_changes_after_a_gap_are_not_pinned_on_the_next_one() -> None:
    life = follow([
        request("create", pod()),
        request("patch"),
        request("patch", pod("3", labels={"mine": "1"}), {"metadata": {"labels": {"mine": "1"}}}),
    ])
    assert deeds(life) == ["created", "unknown", "changed"] and life.revisions[2].gap == 1
    assert numbers(life)["image: \"3\""] == -3 and numbers(life)["mine: \"1\""] == 3


def test_status_update_never_sets_anything_else() -> None:
    life = follow([request("create", pod()), request("update", pod("2"), pod("2"), subresource="status")])
    assert numbers(life)["image: \"2\""] == UNRECORDED + 2 and life.revisions[1].unrecorded is not None
    own = life.revisions[1].difference
    assert own is not None and own.essence == own.noise == ()


def test_update_after_a_gap_may_repeat_what_others_set() -> None:
    life = follow([request("create", pod()), request("patch"), request("update", pod("2"), pod("2"))])
    assert numbers(life)["image: \"2\""] == -3


def test_cut_content_is_a_gap_that_says_why() -> None:
    life = follow([request("create", pod()), request("patch", is_truncated=True, level="RequestResponse")])
    assert "truncated" in life.revisions[1].note and life.gap == 1


def test_failed_request_and_dry_run_change_nothing() -> None:
    life = follow([
        request("create", pod()), request("patch", {"kind": "Status"}, code=403),
        request("patch", pod("9"), is_dry_run=True), request("patch", code=None),
    ])
    assert deeds(life) == ["created", "failed", "rehearsed", "failed"]
    assert difference(life, 3)[-1] == "+    image: \"9\"" and numbers(life)["image: \"1\""] == 1


def test_object_that_was_deleted_may_be_born_again() -> None:
    life = follow([
        request("create", pod()), request("delete", {"kind": "Status"}), request("create", pod("2", "u-2")),
    ])
    assert deeds(life) == ["created", "deleted", "recreated"] and life.exists
    assert all(line.startswith("-") for line in difference(life, 2))
    assert set(numbers(life).values()) == {3}


def test_deleted_object_leaves_its_last_known_state() -> None:
    life = follow([request("create", pod()), request("delete", {"kind": "Status"})])
    assert life.exists is False and numbers(life)["image: \"1\""] == 1


def test_time_of_grace_and_finalizers_put_the_end_off() -> None:
    ending = {"deletionTimestamp": "2026-11-23T12:00:00Z"}
    graceful = pod(**ending, deletionGracePeriodSeconds=30)
    life = follow([
        request("create", pod()), request("delete", graceful),
        request("delete", pod(**ending, deletionGracePeriodSeconds=0)),
    ])
    assert deeds(life) == ["created", "deleting", "deleted"]
    held = pod(**ending, finalizers=["example.com/keep"])
    life = follow([request("create", pod()), request("delete", held), request("patch", pod(**ending))])
    assert deeds(life) == ["created", "deleting", "deleted"] and "example.com/keep" in life.revisions[1].note


def test_other_uid_is_another_object() -> None:
    life = follow([request("create", pod()), request("patch", pod("1", "u-2"), {"metadata": {}})])
    assert deeds(life) == ["created", "recreated"] and life.revisions[1].gap == 1
    assert set(numbers(life).values()) == {-2}


def test_deletion_of_many_names_those_that_were_hit() -> None:
    listed = {"kind": "PodList", "items": [{"metadata": {"name": "web"}}]}
    others = {"kind": "PodList", "items": [{"metadata": {"name": "other"}}]}
    life = follow([
        request("create", pod()), request("deletecollection", others), request("deletecollection"),
        request("deletecollection", listed),
    ])
    assert deeds(life) == ["created", "same", "perhaps", "deleted"] and life.exists is False


def test_status_and_records_are_noise() -> None:
    noisy = pod(managedFields=[{}], resourceVersion="2", annotations={"deployment.kubernetes.io/revision": "2"})
    found = compare(pod(), {**noisy, "status": {"phase": "Running"}})
    assert found.essence == () and {line.text.strip() for line in found.noise} >= {"phase: Running"}


def test_items_are_compared_by_what_tells_them_apart() -> None:
    old = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "args": ["a", "b"], "x": [{"l": 1}]}
    new = {"env": [{"name": "B", "value": "3"}], "args": ["a", "c", "b"], "x": [{"l": 2}]}
    assert [f"{sign}{text}" for sign, text in compare(old, new).essence] == [
        " env:", "-- name: A", "-  value: \"1\"", " - name: B", "-  value: \"2\"", "+  value: \"3\"",
        " args:", "+- c", " x:", " - # item 1", "-  l: 1", "+  l: 2",
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["create", "update", "patch", "delete", "deletecollection"]),
                          VALUES | st.just(pod()), VALUES, st.sampled_from([None, 200, 201, 409]),
                          st.sampled_from(["", "status", "scale", "binding", "eviction", "odd"])), max_size=6))
def test_no_history_is_too_odd_to_be_told(steps: list[tuple[Any, ...]]) -> None:
    life = follow(
        request(verb, response, sent, code=code, subresource=sub) for verb, response, sent, code, sub in steps
    )
    assert len(life.revisions) == len(steps)
    for line in write(life.manifest, life.marks):
        assert abs(line.number) <= len(steps) and "\n" not in line.text


def test_body_nested_too_deeply_is_left_out() -> None:
    deep: Any = {}
    for _ in range(900):
        deep = {"a": deep}
    life = follow([request("create", pod()), request("patch", deep, deep)])
    assert deeds(life) == ["created", "unknown"]
