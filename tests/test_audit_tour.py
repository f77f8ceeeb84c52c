"""docs/audit.md leads through every module between the socket and the commit, and counts their lines truly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tests.code_files import PACKAGE, ROOT, imported

TOUR: Final = (ROOT / "docs/audit.md").read_text("utf-8")
ROWS: Final = {name: int(lines) for name, lines in re.findall(r"^\| `([\w/]+\.py)` \| (\d+) \|", TOUR, re.MULTILINE)}
ENTRANCES: Final = ("ingest/admission.py", "ingest/receive.py", "ingest/durable.py")
SHARE: Final = 0.1
FEW_LINES: Final = 10


def lines_of(name: str) -> int:
    """Return how many lines a module has."""
    return len((PACKAGE / name).read_text("utf-8").splitlines())


def module_of(dotted: str) -> str | None:
    """Return the file of an imported module or of the module that holds an imported name."""
    parts = dotted.split(".")[1:]
    for end in (len(parts), len(parts) - 1):
        path = PACKAGE.joinpath(*parts[:end]).with_suffix(".py") if end else PACKAGE
        if path.is_file():
            return path.relative_to(PACKAGE).as_posix()
    return None


def reached(entrances: tuple[str, ...]) -> set[str]:
    """Return every module that these import, and what those import."""
    found: set[str] = set()
    waiting = list(entrances)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        dotted = [each for each in imported(PACKAGE / name) if each.startswith("audit_webhook.")]
        waiting += [module for each in dotted if (module := module_of(each)) is not None]
    return found


def test_every_module_on_the_way_of_a_batch_is_in_the_tour() -> None:
    assert sorted(reached(ENTRANCES) - ROWS.keys()) == []


def test_every_module_of_the_tour_exists_and_has_about_as_many_lines() -> None:
    assert [name for name in ROWS if not (PACKAGE / name).is_file()] == []
    wrong = {name: (lines, lines_of(name)) for name, lines in ROWS.items() if not is_about(lines, lines_of(name))}
    assert wrong == {}


def test_total_of_the_tour_is_the_sum_of_its_modules() -> None:
    (total,) = re.findall(r"^All of it is ([\d,]+) lines", TOUR, re.MULTILINE)
    assert is_about(int(total.replace(",", "")), sum(map(lines_of, ROWS)))


def is_about(told: int, true: int) -> bool:
    """Return whether a number is within a tenth, or a few lines, of the true one."""
    return abs(told - true) <= max(FEW_LINES, SHARE * true)


def test_every_name_of_the_promises_is_in_the_code() -> None:
    promises = TOUR[:TOUR.index("## 1.")]
    code = "\n".join(path.read_text("utf-8") for path in [*PACKAGE.rglob("*.py"), *Path(ROOT / "tests").rglob("*.py")])
    names = {name.split(".")[-1] for name in re.findall(r"`([A-Za-z_]+(?:\.[A-Za-z_]+)*)`", promises)} - {"py"}
    assert [name for name in names if not re.search(rf"\b{name}\b", code)] == []
