"""The arguments of tools: described as JSON Schema, and checked before anything is asked."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from audit_webhook.client.errors import ClientError

LONGEST: Final = 2_000


class Argument(NamedTuple):
    """An argument: its meaning, its JSON type, and what it may be; ``at_least`` and ``at_most`` bound a number."""

    name: str
    meaning: str
    type: str = "string"
    choices: tuple[str, ...] = ()
    default: str | int | bool | None = None
    at_least: int = 1
    at_most: int = 0
    is_required: bool = False

    def schema(self) -> dict[str, Any]:
        """Return the argument as a JSON Schema."""
        found: dict[str, Any] = {"type": self.type, "description": self.meaning}
        if self.type == "integer":
            found |= {"minimum": self.at_least, "maximum": self.at_most}
        if self.type == "string" and not self.choices:
            found["maxLength"] = LONGEST
        if self.choices:
            found["enum"] = list(self.choices)
        return found | ({"default": self.default} if self.default is not None else {})

    def read(self, value: object) -> str | int | bool | None:
        """Return a value that was given, in its type; raises ClientError. Numbers may be given as text."""
        if self.type == "boolean" and isinstance(value, bool):
            return value
        if self.type == "boolean" and value in ("true", "false"):
            return value == "true"
        if self.type == "integer":
            return self._read_number(value)
        if self.type != "string" or not isinstance(value, str):
            raise ClientError(f"{self.name} is of type {self.type}")
        if self.choices and value not in self.choices:
            raise ClientError(f"{self.name} is one of {', '.join(self.choices)}")
        if len(value) > LONGEST:
            raise ClientError(f"{self.name} has at most {LONGEST:,} characters")
        return value.strip()

    def _read_number(self, value: object) -> int:
        is_text = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10
        if isinstance(value, bool) or not (isinstance(value, int) or is_text):
            raise ClientError(f"{self.name} is a whole number")
        number = int(str(value))
        if not self.at_least <= number <= self.at_most:
            raise ClientError(f"{self.name} is a number from {self.at_least} to {self.at_most}")
        return number


def schema_of(arguments: Sequence[Argument]) -> dict[str, Any]:
    """Return the JSON Schema of a tool's arguments."""
    return {
        "type": "object", "properties": {each.name: each.schema() for each in arguments},
        "required": [each.name for each in arguments if each.is_required], "additionalProperties": False,
    }


def read_arguments(arguments: Sequence[Argument], given: Mapping[str, object]) -> Namespace:
    """Return what was given, with defaults for what was not; raises ClientError for what cannot be used."""
    known = {each.name: each for each in arguments}
    if strange := sorted(name for name in given if name not in known):
        raise ClientError(f"there is no argument {strange[0]!r}; the arguments are {', '.join(known) or 'none'}")
    present = {name: value for name, value in given.items() if value is not None and value != ""}
    if missing := [each.name for each in arguments if each.is_required and each.name not in present]:
        raise ClientError(f"the argument {missing[0]} is needed: {known[missing[0]].meaning}")
    return Namespace(**{
        name: each.read(present[name]) if name in present else each.default for name, each in known.items()
    })
