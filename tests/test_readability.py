"""Each file of code can be read: it is short, says what it is for, and hides no error."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

from tests.code_files import (
    CODE, PACKAGE, check_each, every_code_file, every_module, every_other_file, functions, public, syntax,
)

FILE_LINES: Final = 300
FUNCTION_LINES: Final = 60
VAGUE_NAMES: Final = {"utils", "helpers", "manager", "data", "info", "process", "common", "misc"}


@every_code_file
def test_imports_stand_at_the_top(path: Path) -> None:
    inner = [
        node.lineno
        for function in functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert inner == []


@every_code_file
def test_module_and_its_public_functions_say_what_they_are_for(path: Path) -> None:
    assert ast.get_docstring(syntax(path)), "the module has no docstring"
    own = public(path) if not path.name.startswith("test_") else iter(())
    assert [node.name for node in own if not ast.get_docstring(node)] == []


@every_code_file
def test_file_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= FILE_LINES


@every_other_file
def test_template_and_statement_file_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= FILE_LINES


@every_code_file
def test_function_is_short_enough_to_read(path: Path) -> None:
    long = [node.name for node in functions(path) if (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES]
    assert long == []


@every_module
def test_no_error_is_swallowed_wholesale(path: Path) -> None:
    """But for the one place that keeps background threads alive, which logs and counts each error."""
    broad = [
        node.lineno
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    ]
    assert broad == [] or path == PACKAGE / "worker.py"


@every_module
def test_module_is_named_after_what_it_holds(path: Path) -> None:
    assert path.stem not in VAGUE_NAMES


def test_file_that_does_not_pass_is_named() -> None:
    @check_each(CODE)
    def every_file_is_this_one(path: Path) -> None:
        assert path == Path(__file__)

    with pytest.raises(AssertionError, match="audit_webhook/app.py: "):
        every_file_is_this_one()
