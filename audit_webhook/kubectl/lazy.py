"""A property that is worked out once, when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class lazy(Generic[Value]):  # noqa: N801, used like property
    """Like functools.cached_property, which before Python 3.12 takes a lock and is several times as slow."""

    def __init__(self, work_out: Callable[[Any], Value]) -> None:
        """Take the method."""
        self._work_out = work_out
        self._name = work_out.__name__
        self.__doc__ = work_out.__doc__

    def __get__(self, owner: Any, kind: type) -> Value:
        """Work out the value and keep it in the object, where it is found from then on."""
        value = owner.__dict__[self._name] = self._work_out(owner)
        return value
