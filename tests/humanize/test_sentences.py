"""Recorded events read as agreed: each line of data/sentences has an event and what a page says of it at a glance."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from audit_webhook.humanize import badge, emphasis, outcome, summary, why
from tests.recorded import BATCHES, DATA, decode, recorded

GOLDEN = [
    (path.stem, number, json.loads(line))
    for path in sorted((DATA / "sentences").glob("*.jsonl"))
    for number, line in enumerate(path.read_text().splitlines(), 1)
]
UGLY = re.compile(r"None|  | ,| :|“”|\b(?:in|of|to|for|with)(?:$|[:,)])|\bthe (?:the|their|its)\b|\ba [aeio]")


@pytest.mark.parametrize(("family", "number", "case"), GOLDEN, ids=[f"{name}:{line}" for name, line, _ in GOLDEN])
def test_recorded_event_reads_and_looks_as_agreed(family: str, number: int, case: dict[str, Any]) -> None:
    event = decode(case["event"])
    shown = {
        "sentence": summary(event),
        "badge": list(badge(event)),
        "outcome": list(outcome(event)),
        "emphasis": emphasis(event),
        "why": why(event),
    }
    assert shown == {name: case[name] for name in shown}, f"{family}.jsonl:{number}"


@pytest.mark.parametrize("path", [*BATCHES, DATA / "hostile.json.gz"], ids=lambda path: path.name)
def test_every_recorded_event_reads_well(path: Path) -> None:
    for event in recorded(path):
        text = summary(event)
        assert text == text.strip() and not UGLY.search(text), text


def test_every_recorded_kind_of_request_has_an_agreed_sentence() -> None:
    agreed = {(event.verb, event.subresource) for _, _, case in GOLDEN if (event := decode(case["event"]))}
    assert {(event.verb, event.subresource) for path in BATCHES for event in recorded(path)} <= agreed
