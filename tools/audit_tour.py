"""Writes the tables of docs/audit.md anew: the modules between the socket and the commit, with their lines.

Run as ``python -m tools.audit_tour``; tests/test_audit_tour.py says when it is needed.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

from tests.test_audit_tour import ENTRANCES, lines_of, reached

PACKAGE: Final = Path(__file__).resolve().parents[1] / "audit_webhook"
DOCUMENT: Final = PACKAGE.parent / "docs" / "audit.md"
SECTIONS: Final = (
    ("ingest/", "## 1."), ("events/redaction/", "## 3."), ("events/sources/", "## 8."), ("events/", "## 2."),
    ("storage/chunks/", "## 4."), ("storage/spool/", "## 6."), ("storage/mysql/", "## 7."),
    ("storage/sqlite/", "## 7."), ("storage/", "## 5."), ("", "## Beside"),
)
"""Which section a module belongs to, by the first prefix that fits."""
TABLE: Final = re.compile(r"\| module \| lines \|.*?\n\n", re.DOTALL)
ROW: Final = re.compile(r"^\| `([\w/]+\.py)`", re.MULTILINE)


def main() -> None:
    """Rewrite the document; modules keep their order, new ones follow at the end of their section."""
    text = DOCUMENT.read_text("utf-8")
    modules = {"ingest/blueprint.py", *reached(ENTRANCES)}
    for heading in dict.fromkeys(heading for _, heading in SECTIONS):
        start = text.index(heading)
        found = TABLE.search(text, start)
        if found is None:
            raise SystemExit(f"{heading} has no table")
        own = {module for module in modules if _section_of(module) == heading}
        known = [module for module in ROW.findall(found[0]) if module in own]
        ordered = known + sorted(own - set(known))
        text = text[:found.start()] + _table(ordered) + text[found.end():]
    DOCUMENT.write_text(_with_totals(text, modules), "utf-8")


def _section_of(module: str) -> str:
    return next(heading for prefix, heading in SECTIONS if module.startswith(prefix))


def _table(modules: list[str]) -> str:
    rows = [f"| `{module}` | {lines_of(module)} | {_purpose(module)} |" for module in modules]
    return "\n".join(["| module | lines | what it does |", "|---|---|---|", *rows, "", ""])


def _purpose(module: str) -> str:
    docstring = ast.get_docstring(ast.parse((PACKAGE / module).read_text("utf-8"))) or ""
    return docstring.split("\n\n")[0].replace("\n", " ")


def _with_totals(text: str, modules: set[str]) -> str:
    rooms = {room: sum(lines_of(each) for each in modules if each.startswith(f"{room}/")) for room in (
        "ingest", "events", "storage")}
    total = sum(map(lines_of, modules))
    told = ", ".join(f"{lines:,} in `{room}`" for room, lines in rooms.items())
    sentence = f"All of it is {total:,} lines: {told}, {total - sum(rooms.values()):,}\nbeside the rooms."
    return re.sub(r"All of it is .*?beside the rooms\.", sentence, text, flags=re.DOTALL)


if __name__ == "__main__":
    main()
