"""The table of trials in docs/security.md names a test for each promise, and each of them exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
DOCUMENT: Final = (TESTS.parent / "docs/security.md").read_text("utf-8")
ROWS: Final = re.findall(r"^\| ([A-Z]\d+) [^|]+\| (.+) \|$", DOCUMENT, re.MULTILINE)
TRIALS: Final = [
    *(f"C{number}" for number in range(22, 29)), *(f"D{number}" for number in range(29, 41)),
    *(f"E{number}" for number in (41, 42, 43, 44, 46)),
]


def test_every_trial_is_in_the_table() -> None:
    assert [trial for trial, _ in ROWS if trial[0] in "CDE"] == TRIALS


def test_every_test_that_is_named_exists() -> None:
    named = {trial: re.findall(r"`(\w+\.py)::(\w+)`", tests) for trial, tests in ROWS}
    assert [trial for trial, tests in named.items() if not tests] == []
    assert [(file, name) for tests in named.values() for file, name in tests if name not in functions_of(file)] == []


@cache
def functions_of(file: str) -> set[str]:
    """Return the names of the tests in the one file of that name."""
    (path,) = TESTS.rglob(file)
    return {node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}


def test_document_says_what_is_promised_what_is_not_and_how_to_report_a_hole() -> None:
    headings = re.findall(r"^## (.+)$", DOCUMENT, re.MULTILINE)
    wanted = ["Threat model", "Senders", "Readers", "In the browser", "What is masked", "Evidence", "Trials"]
    assert [heading for heading in headings if heading in wanted] == wanted
    assert headings[-2:] == ["What is not promised", "Reporting a vulnerability"]
