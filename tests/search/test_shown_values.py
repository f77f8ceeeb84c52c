"""How JSON, times and characters are written on the pages."""

from __future__ import annotations

import re

import pytest

from audit_webhook.events.visible_text import shown
from audit_webhook.humanize.moments import moment_of, write_age, write_duration
from audit_webhook.search.event.json_tree import INDENTED_BYTES, MOST_NODES, indent, nodes_of
from tests.factories import NOON_US


def test_wide_body_is_cut_at_a_size_that_a_browser_likes() -> None:
    nodes = nodes_of({"items": [{"a": number} for number in range(100_000)]})
    assert len(nodes) < MOST_NODES + 10
    assert sum(node.kind == "open" for node in nodes) == sum(node.kind == "close" for node in nodes)
    assert any("left out" in node.text for node in nodes)


def test_managed_fields_are_folded() -> None:
    nodes = nodes_of({"metadata": {"managedFields": [{"manager": "kubectl"}]}})
    assert [node.is_open for node in nodes if node.key in ("metadata", "managedFields")] == [True, False]


@pytest.mark.parametrize("text", ['{"a":1e400,"a":[],"b":{"c":"x, {y}: \\"z\\""}}', "[1,2", '{"broken', "}}}]]", '"'])
def test_indenting_changes_nothing_but_white_space(text: str) -> None:
    assert re.sub(r"\s", "", indent(text)) == re.sub(r"\s", "", text)


def test_indenting_deep_json_stays_linear() -> None:
    assert len(indent("[" * (INDENTED_BYTES // 2) + "]" * (INDENTED_BYTES // 2))) < 100 * INDENTED_BYTES


def test_unseen_characters_are_written_out() -> None:
    assert shown("a\u202eb\x1b\n") == "a\\u202eb\\u001b\\u000a"
    assert shown("a\nb", kept="\n") == "a\nb" and shown("x" * 5000).startswith("x" * 2000 + "…")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "now"), (12, "12 s"), (200, "3 min"), (7300, "2 h"), (3 * 86_400, "3 d"), (-120, "in 2 min"), (9e6, "")],
)
def test_age_is_told_in_few_characters(seconds: float, text: str) -> None:
    assert write_age(int(seconds * 1_000_000)) == text


def test_old_moment_is_told_by_its_day() -> None:
    moment = moment_of(NOON_US, NOON_US + 90 * 86_400_000_000)
    assert (moment.relative, moment.iso) == ("2026-11-23", "2026-11-23T12:00:00.000000Z")
    assert moment.exact == "Mon 23 Nov 2026 12:00:00.000 UTC"


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(400, "400 µs"), (3_600, "3.6 ms"), (48_000, "48 ms"), (1_234_000, "1.2 s"), (200_000_000, "3 min 20 s")],
)
def test_duration_is_told_in_the_unit_that_fits(microseconds: int, text: str) -> None:
    assert write_duration(microseconds) == text
