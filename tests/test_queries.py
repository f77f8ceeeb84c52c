"""The SQL files: each statement is used by one method of its own, and the bulk ones stay bulk."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from pymysql.cursors import RE_INSERT_VALUES

from audit_webhook import (
    evidence_store,
    exploration,
    pruning,
    queries,
    reader_store,
    refusal_store,
    repository,
    saved_searches,
    tally_store,
    transaction,
)
from audit_webhook.resources import SQL
from audit_webhook.storage import loss_store, sender_store

DIALECTS = ("mysql", "sqlite")
BULK = ("insert_events", "insert_postings", "insert_callers", "insert_actions", "insert_quarantined")


def uses(module: object) -> dict[str, list[str]]:
    """Give which statements each method of a module names."""
    tree = ast.parse(Path(str(getattr(module, "__file__"))).read_text())
    named = {name for dialect in DIALECTS for name in queries.load(dialect)}
    return {
        function.name: [
            node.value for node in ast.walk(function) if isinstance(node, ast.Constant) and node.value in named
        ]
        for function in ast.walk(tree) if isinstance(function, ast.FunctionDef)
    }


def test_every_statement_is_used_by_the_one_method_of_its_name() -> None:
    modules = (
        evidence_store, exploration, loss_store, pruning, reader_store, refusal_store, repository, saved_searches,
        sender_store, tally_store, transaction,
    )
    found = [(method, name) for module in modules for method, names in uses(module).items() for name in names]
    assert sorted(found) == sorted((name, name) for name in queries.load("mysql"))


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
