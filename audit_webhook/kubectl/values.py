"""Looks into values that came from clients, where anything may be missing or of another type."""

from __future__ import annotations

from typing import Any

import orjson


def part(value: object, *path: str) -> Any:
    """Give what lies at a path within plain values; None when it does not."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def entries(value: object, *path: str) -> list[dict[str, Any]]:
    """Give the objects of the list at a path."""
    found = part(value, *path) if path else value
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def texts(value: object, *path: str) -> list[str]:
    """Give the texts of the list at a path."""
    found = part(value, *path) if path else value
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def pairs(value: object, *path: str) -> dict[str, str]:
    """Give the texts of the object at a path by their names; numbers are written out."""
    found = part(value, *path) if path else value
    if not isinstance(found, dict):
        return {}
    return {key: str(each) for key, each in found.items() if isinstance(each, str | int | float)}


def text(value: object, *path: str) -> str:
    """Give the text at a path; empty when there is none. Numbers are written out."""
    found = part(value, *path) if path else value
    return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else ""


def joined(values: dict[str, str]) -> str:
    """Write pairs as ``a=1,b=2``."""
    return ",".join(f"{key}={value}" for key, value in values.items())


def only(value: object, *keys: str) -> bool:
    """Whether an object has no other members than these that say anything."""
    if not isinstance(value, dict):
        return False
    return all(key in keys for key, each in value.items() if each not in (None, {}, [], ""))


def write_json(value: object) -> str:
    """Write a value as compact JSON; ``***`` when it is too deep to be written."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return "***"
