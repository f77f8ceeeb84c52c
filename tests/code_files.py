"""Every file of code, as text and as a syntax tree, and checks that look at each of them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGE: Final = ROOT / "audit_webhook"
MODULES: Final = sorted(PACKAGE.rglob("*.py"))
CODE: Final = MODULES + sorted(path for folder in ("bench", "tests", "tools") for path in (ROOT / folder).rglob("*.py"))
OTHER: Final = sorted([*(ROOT / "templates").rglob("*.html"), *(ROOT / "sql").rglob("*.sql")])


def name_of(path: Path) -> str:
    """Give a path as a test's name."""
    return str(path.relative_to(ROOT))


def check_each(paths: Sequence[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """Make one test of a check of single files: it names every file that does not pass, and why."""

    def decorate(check: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            offenders = {name_of(path): found for path in paths if (found := failure_of(check, path))}
            assert not offenders, "\n".join(f"{name}: {found}" for name, found in offenders.items())

        test.__doc__ = check.__doc__
        return test

    return decorate


def failure_of(check: Callable[[Path], None], path: Path) -> str:
    """Return what a check says against a file; empty when it passes."""
    try:
        check(path)
    except AssertionError as error:
        return str(error)
    return ""


every_module = check_each(MODULES)
every_code_file = check_each(CODE)
every_other_file = check_each(OTHER)


@cache
def syntax(path: Path) -> ast.Module:
    """Give a file's syntax tree."""
    return ast.parse(path.read_text())


def imported(path: Path) -> set[str]:
    """Give the dotted names that a module imports."""
    names = set()
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Give every function of a file, those in classes and in functions too."""
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def public(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Give the public functions and classes of a file and the public methods of its public classes."""
    waiting: list[ast.stmt] = list(syntax(path).body)
    for node in waiting:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                waiting.extend(node.body)


def texts(path: Path) -> Iterator[str]:
    """Give every string in the code of a file, f-strings in pieces, docstrings left out."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value
