"""Finds who can tell a command: functions registered by field manager, verb, resource and subresource."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.run import Run

Explainer = Callable[[Run], Line | None]
Key = tuple[str, str, str, str]
ANY: Final = "*"

_EXPLAINERS: Final[dict[Key, Explainer]] = {}


class DuplicateCommand(ValueError):
    """Two functions claim the same requests."""


def command(
    *verbs: str, resource: str = ANY, subresource: str = "", manager: str = ANY
) -> Callable[[Explainer], Explainer]:
    """Register a function that tells a command from a run whose telling request has these marks.

    It gives None for what is not its own. A mark ``*`` stands for any; raises DuplicateCommand.
    """

    def register(explainer: Explainer) -> Explainer:
        for verb in verbs:
            key = (manager, verb, resource, subresource)
            if key in _EXPLAINERS:
                raise DuplicateCommand(f"{key} is told by {_EXPLAINERS[key].__name__} already")
            _EXPLAINERS[key] = explainer
        explainers_of.cache_clear()
        return explainer

    return register


@lru_cache(maxsize=4096)
def explainers_of(manager: str, verb: str, resource: str, subresource: str) -> tuple[Explainer, ...]:
    """Give the functions that may tell a request, the most specific first: what the field manager says comes first."""
    return tuple(_find(manager, verb, resource, subresource))


def _find(manager: str, verb: str, resource: str, subresource: str) -> Iterator[Explainer]:
    for own_manager in (manager, ANY):
        for own_subresource in (subresource, ANY):
            for own_resource in (resource, ANY):
                explainer = _EXPLAINERS.get((own_manager, verb, own_resource, own_subresource))
                if explainer:
                    yield explainer


def registered() -> list[Key]:
    """Give all marks that functions are registered for."""
    return sorted(_EXPLAINERS)
