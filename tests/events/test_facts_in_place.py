"""Each fact is read at its own place: nothing else in an event changes a sentence, a flag or a command."""

from __future__ import annotations

import gzip
import json
import random
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from audit_webhook.events.bodies import created_name, value_at
from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.split import split
from audit_webhook.humanize import summary
from tests.factories import encode
from tests.mutations import Mutator, told_of
from tests.recorded import BATCHES, read, ref

DELETION: Final = {"verb": "delete", "requestURI": "/api/v1/namespaces/shop/pods/web-0"}
EVICTION: Final = {"verb": "create", "objectRef": ref("pods", "web-0", "shop", "eviction")}
MUTATIONS: Final = 4_000
WORDS: Final = {"dryRun": ["All"], "note": '"dryRun":["All"]'}


@pytest.mark.parametrize("changes", [
    {**DELETION, "requestObject": {"kind": "DeleteOptions", "dryRun": ["All"]}},
    {**DELETION, "requestURI": "/api/v1/namespaces/shop/pods/web-0?dryRun=All"},
    {**DELETION, "requestURI": "/api/v1/namespaces/shop/pods/web-0?dry%52un=All"},
    {**DELETION, "verb": "deletecollection", "requestObject": {"dryRun": ["All"]}},
    {**EVICTION, "requestObject": {"kind": "Eviction", "deleteOptions": {"dryRun": ["All"]}}},
    {**EVICTION, "requestURI": "/api/v1/namespaces/shop/pods/web-0/eviction?dryRun=All"},
    {"verb": "patch", "requestURI": "/api/v1/namespaces/shop/pods/web-0?dryRun=All", "requestObject": {"spec": {}}},
])
def test_dry_run_is_read_where_it_is_asked_for(changes: dict[str, Any]) -> None:
    event = read(**changes)
    assert event.dry_run
    assert summary(event).endswith("(dry run: nothing was changed)")


@pytest.mark.parametrize("changes", [
    {**DELETION, "responseObject": {"metadata": {"annotations": WORDS}, **WORDS}},
    {**DELETION, "requestObject": {"preconditions": WORDS}},
    {**DELETION, "requestObject": {"deleteOptions": WORDS}},
    {**DELETION, "requestObject": [WORDS]},
    {**DELETION, "annotations": WORDS},
    {**DELETION, "dryRun": ["All"]},
    {**DELETION, "requestObject": {"dryRun": "All"}},
    {**DELETION, "requestObject": {"dryRun": []}, "responseObject": WORDS},
    # The apiserver reads the query of a deletion only where it has no body.
    {**DELETION, "requestURI": "/x?dryRun=All", "requestObject": {"kind": "DeleteOptions"}},
    {**EVICTION, "requestObject": {"dryRun": ["All"], "metadata": {"annotations": {"a": WORDS["note"]}}}},
    {"verb": "create", "requestObject": {"dryRun": ["All"], "deleteOptions": WORDS}},
    {"verb": "update", "requestObject": {"dryRun": ["All"]}},
    {"verb": "deletions", "requestObject": {"dryRun": ["All"]}},
    {"verb": "delete", "objectRef": ref("services", "web", "shop", "proxy"), "requestURI": "/x?dryRun=All"},
])
def test_words_elsewhere_are_no_dry_run(changes: dict[str, Any]) -> None:
    event = read(**changes)
    assert not event.dry_run
    assert "dry run" not in summary(event)


@pytest.mark.parametrize("before", [b'{"a":"\\ud800",', b'{"a":1e400,', b'{"a":"\xff",'])
def test_dry_run_is_found_beside_what_no_parser_takes(before: bytes) -> None:
    raw = encode({**DELETION, "objectRef": ref("pods", "web-0"), "requestObject": {"dryRun": ["All"]}})
    broken = before + raw[1:]
    assert to_event(read_wire(broken), broken, "prod").dry_run
    elsewhere = before + encode({**DELETION, "objectRef": ref("pods", "web-0"), "responseObject": WORDS})[1:]
    assert not to_event(read_wire(elsewhere), elsewhere, "prod").dry_run


def test_chosen_name_is_read_from_the_answer_alone() -> None:
    made = {"verb": "create", "responseObject": {"metadata": {"name": "web-x7"}}}
    assert created_name(encode(made)) == "web-x7"
    assert created_name(b'{"a":"\\ud800",' + encode(made)[1:]) == "web-x7"
    nested = {"requestObject": {"responseObject": made["responseObject"], "metadata": {"name": "web-x8"}}}
    assert created_name(encode(nested)) == ""


def test_last_of_a_repeated_name_counts() -> None:
    assert value_at(b'{"a":{"b":1},"a":{"b":2}}', "a", "b") == 2
    assert value_at(b'{"a":[{"b":1}]}', "a", "b") is None


@cache
def samples() -> list[dict[str, Any]]:
    """Return recorded events, one of each batch's kinds of requests."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for path in BATCHES:
        for raw in split(gzip.decompress(Path(path).read_bytes())).items:
            event = json.loads(raw)
            target = event.get("objectRef", {})
            key = (event["verb"], target.get("resource", ""), target.get("subresource", ""), event["stage"])
            found.setdefault(key, event)
    return list(found.values())


@pytest.mark.parametrize("seed", range(4))
def test_nothing_but_the_named_members_changes_what_is_told(seed: int) -> None:
    mutator = Mutator(random.Random(seed))
    events = samples()
    assert len(events) > 40
    for number in range(MUTATIONS // 4):
        event = events[number % len(events)]
        changed = mutator.changed(event)
        assert told_of(encode(changed)) == told_of(encode(event)), (number, changed)
