"""Reads columns: MariaDB gives the texts of binary columns as bytes, SQLite as texts."""

from __future__ import annotations


def text_of(value: bytes | str) -> str:
    """Give a column's text, whichever engine it came from."""
    return value.decode() if isinstance(value, bytes) else value
