"""The SQL keeps to what distributed engines take, and docs/scaling.md says so of each statement."""

from __future__ import annotations

import re

import pytest

from audit_webhook.paths import SQL
from audit_webhook.storage import statements as queries
from tools import statements

STATEMENTS = sorted(queries.load("mysql").items())
STEPS = sorted((SQL / "mysql").glob("*.sql"))
# What one of Galera, TiDB and Vitess does not take, or takes only on one node; docs/scaling.md has the sources.
NOWHERE = re.compile(
    r"\b(FULLTEXT|SPATIAL|FOREIGN KEY|TRIGGER\b|PROCEDURE|AUTO_INCREMENT|REPLACE INTO|RETURNING|SKIP LOCKED|OVER \(|"
    r"WITH RECURSIVE|LOAD DATA|LOCK TABLES|TEMPORARY|SAVEPOINT|NATURAL JOIN|INSERT IGNORE|JSON_\w+|SUBPARTITION)",
    re.IGNORECASE,
)


def test_table_of_statements_is_the_code_s() -> None:
    found = statements.BLOCK.search(statements.DOCUMENT.read_text("utf-8"))
    assert found is not None
    written = found[0].removeprefix(found[1]).removesuffix(found[2])
    assert written == statements.table(), "run `python -m tools.statements`"


def test_statement_uses_only_what_every_engine_knows() -> None:
    assert [name for name, text in STATEMENTS if not statements.used(text)] == [], "tell tools/statements.py"
    assert [name for name, text in STATEMENTS if NOWHERE.search(text)] == []


def test_upsert_never_assigns_a_key() -> None:
    assigned = {name: text.partition("ON DUPLICATE KEY UPDATE")[2] for name, text in STATEMENTS}
    assert any(assigned.values())
    assert [name for name, text in assigned.items() if re.search(r"\b(id|cluster|stream)\s*=", text)] == []


@pytest.mark.parametrize("path", STEPS, ids=lambda path: path.stem)
def test_schema_step_uses_only_what_every_engine_knows(path: object) -> None:
    text = re.sub(r"^--.*$", "", next(step for step in STEPS if step == path).read_text("utf-8"), flags=re.MULTILINE)
    tables = re.findall(r"CREATE TABLE.*?;", text, re.DOTALL)
    assert not NOWHERE.search(text)
    assert all("PRIMARY KEY" in table for table in tables), "Galera replicates only rows that have one"
