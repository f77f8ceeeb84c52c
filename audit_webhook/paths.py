"""Finds the files beside the code: in a wheel they lie within the package, in a checkout at its top level."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


TEMPLATES: Final = _folder("templates")
SQL: Final = _folder("sql")
STATIC: Final = _PACKAGE / "static"
