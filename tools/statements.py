"""Writes into docs/scaling.md what each statement uses, and whether TiDB and Vitess take that, by their documents."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from audit_webhook.storage import statements as queries

DOCUMENT: Final = Path(__file__).resolve().parents[1] / "docs" / "scaling.md"
BLOCK: Final = re.compile(r"(<!-- statements: .*? -->\n).*?(<!-- /statements -->)", re.DOTALL)


class Construct(NamedTuple):
    """Something that a statement may use: how it is found, and what each engine makes of it."""

    name: str
    pattern: re.Pattern[str]
    tidb: str
    vitess: str


def _construct(name: str, pattern: str, tidb: str = "yes", vitess: str = "yes") -> Construct:
    return Construct(name, re.compile(pattern, re.IGNORECASE | re.DOTALL), tidb, vitess)


# The first one of those in Vitess' file of unsupported queries; docs/scaling.md names the sources.
CONSTRUCTS: Final = (
    _construct("subquery in a DELETE", r"^DELETE\b.*\(\s*SELECT\b", vitess="unsharded"),
    _construct("GROUP BY an expression", r"GROUP BY [^)]*\b(CONV|SUBSTR)\(", vitess="unsharded"),
    _construct("upsert", r"ON DUPLICATE KEY UPDATE"),
    _construct("INSERT", r"^INSERT\b(?!.*ON DUPLICATE)"),
    _construct("UPDATE by key", r"^UPDATE\b"),
    _construct("DELETE", r"^DELETE\b(?!.*\(\s*SELECT\b)"),
    _construct("FOR UPDATE", r"FOR UPDATE"),
    _construct("join", r"\bJOIN\b|\{joins?\}|FROM \w+ \w+, \w+ \w+"),
    _construct("index hint", r"\{hint\}"),
    _construct("derived table", r"FROM \(SELECT"),
    _construct("aggregate", r"\b(COUNT|SUM|MIN|MAX)\("),
    _construct("DISTINCT", r"\bDISTINCT\b"),
    _construct("GROUP BY columns", r"GROUP BY (?!.*\b(CONV|SUBSTR)\()"),
    _construct("OFFSET", r"\bOFFSET\b"),
    _construct("ORDER BY with LIMIT", r"ORDER BY .*LIMIT(?!.*OFFSET)"),
    _construct("list of ids", r"\bIN \((\{ids\}|\s*%s)"),
    _construct("SELECT", r"^SELECT\b"),
)


def used(statement: str) -> list[Construct]:
    """Give what a statement uses."""
    bare = statement.strip()
    return [each for each in CONSTRUCTS if each.pattern.search(bare)]


def verdict(answers: list[str]) -> str:
    """Give the worst of some answers."""
    return next((answer for answer in answers if answer != "yes"), "yes")


def table() -> str:
    """Write a row for each named statement, in the order of their names."""
    lines = ["| statement | uses | TiDB | Vitess, sharded |", "|---|---|---|---|"]
    for name, statement in sorted(queries.load("mysql").items()):
        found = used(statement)
        names = ", ".join(each.name for each in found)
        tidb, vitess = verdict([each.tidb for each in found]), verdict([each.vitess for each in found])
        lines.append(f"| `{name}` | {names} | {tidb} | {vitess} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table into the document."""
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(BLOCK.sub(lambda found: found[1] + table() + found[2], text), "utf-8")


if __name__ == "__main__":
    main()
