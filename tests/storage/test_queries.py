"""The SQL files: no statement is left over, and the bulk ones stay bulk."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from pymysql.cursors import RE_INSERT_VALUES

from audit_webhook.evidence.store import KEYED
from audit_webhook.paths import SQL
from audit_webhook.storage import statements as queries
from tests.code_files import MODULES

DIALECTS = ("mysql", "sqlite")
BULK = ("insert_events", "insert_postings", "insert_callers", "insert_actions", "insert_quarantined")


def texts_of(path: Path) -> set[str]:
    """Return the texts in the code of a module."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_no_statement_is_left_over() -> None:
    speakers = [path for path in MODULES if re.search(r"\bqueries\b|_statement", path.read_text())]
    named = set().union(*map(texts_of, speakers))
    odd = {f"odd_{table}" for table in KEYED}
    assert sorted(queries.load("mysql").keys() - named - odd) == []


def test_both_dialects_have_the_same_statements() -> None:
    assert queries.load("mysql").keys() == queries.load("sqlite").keys()


@pytest.mark.parametrize("name", BULK)
def test_bulk_insert_is_one_statement_for_many_rows(name: str) -> None:
    statement = queries.load("mysql")[name]
    assert RE_INSERT_VALUES.match(statement)
    assert statement.count("%s") == queries.load("sqlite")[name].count("?")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_value_stands_in_a_statement(dialect: str) -> None:
    for name, statement in queries.load(dialect).items():
        assert "'" not in statement and ";" not in statement, name


def test_every_marker_is_filled_by_the_one_module_that_assembles_sql() -> None:
    markers = {marker for text in queries.load("mysql").values() for marker in re.findall(r"\{(\w+)\}", text)}
    assert markers == {"column", "hint", "joins", "where", "test", "join", "ids"}


def test_name_used_twice_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "one.sql").write_text("-- name: one\nSELECT 1\n\n-- name: one\nSELECT 2\n")
    with pytest.raises(ValueError, match="one"):
        queries.load("mysql", tmp_path)


def test_folder_holds_nothing_but_steps_and_statements() -> None:
    assert {path.parent.name for path in SQL.rglob("*.sql")} == {"mysql", "sqlite", "queries"}
