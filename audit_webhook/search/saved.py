"""Saved searches: named, shared by all who see everything, each with the columns that it shows."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final, NamedTuple

from audit_webhook import query
from audit_webhook.errors import DuplicateKey, InvalidParameter
from audit_webhook.events.ids import from_text, to_text
from audit_webhook.events.visible_text import shown
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.saved_search_store import SavedSearch
from audit_webhook.storage.scope import EVERYWHERE, Reader

LONGEST_NAME: Final = 80
MOST: Final = 200
PROGRAM: Final = Reader("", "admin", EVERYWHERE, "open")
COLUMNS: Final = (
    "ns", "client", "cluster", "resource", "name", "user", "by", "as", "session", "ip", "ua",
    "command", "manager", "level", "decision",
)
DEFAULT_COLUMNS: Final = ("ns", "client", "cluster")
MOST_COLUMNS: Final = 6
_LABELS: Final = {
    "ns": "namespace", "as": "impersonated user", "ip": "address", "ua": "user agent", "manager": "field manager",
    "user": "actor", "by": "authenticated user",
}


class Shortcut(NamedTuple):
    """A saved search as a menu shows it."""

    id: str
    name: str
    query: str
    columns: list[str]
    is_own: bool = True
    """Whether the reader may delete it."""


class Column(NamedTuple):
    """A column that rows may have, by the name of its field, and whether they have it."""

    name: str
    label: str
    is_on: bool


def choose_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Give those of the names that are columns, in their order, at most six; the usual ones when there are none."""
    wanted = set(names)
    return tuple(name for name in COLUMNS if name in wanted)[:MOST_COLUMNS] or DEFAULT_COLUMNS


def list_columns(chosen: Iterable[str]) -> list[Column]:
    """Give every column with whether it is chosen."""
    on = set(chosen)
    return [Column(name, _LABELS.get(name, name), name in on) for name in COLUMNS]


def list_saved(repository: Repository, reader: Reader = PROGRAM) -> list[Shortcut]:
    """Return the saved searches by name: everybody's, but to a limited reader only their own.

    What others search for tells which clusters and namespaces there are.
    """
    return [
        Shortcut(to_text(saved.id), shown(saved.name), saved.query, saved.columns.split(",") if saved.columns else [],
                 _may_delete(saved, reader))
        for saved in _visible(repository, reader)
    ]


def _visible(repository: Repository, reader: Reader) -> list[SavedSearch]:
    searches = repository.saved.list_searches()
    return [each for each in searches if not reader.scope.is_limited or each.owner == reader.name]


def _may_delete(saved: SavedSearch, reader: Reader) -> bool:
    return saved.owner == reader.name or reader.may("admin")


def save(
    repository: Repository, name: str, text: str, columns: Iterable[str], now: int, reader: Reader = PROGRAM
) -> None:
    """Save a search of a reader; raises QueryError when it cannot be read, InvalidParameter for the rest."""
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise InvalidParameter(f"a saved search needs a name of 1 to {LONGEST_NAME} characters")
    query.parse(text, now)
    if len(_visible(repository, reader)) >= MOST:
        raise InvalidParameter(f"there are {MOST} saved searches already; delete one first")
    chosen = choose_columns(columns)
    joined = "" if chosen == DEFAULT_COLUMNS else ",".join(chosen)
    try:
        repository.saved.insert_search(SavedSearch(secrets.token_bytes(16), name, text, joined, now, reader.name))
    except DuplicateKey as error:
        raise InvalidParameter("there is a saved search of this name already") from error


def delete(repository: Repository, identifier: str, reader: Reader = PROGRAM) -> None:
    """Delete a saved search of the reader's own, an administrator any; one that is gone already is no error."""
    try:
        wanted = from_text(identifier)
    except ValueError as error:
        raise InvalidParameter("this is not the id of a saved search") from error
    for saved in _visible(repository, reader):
        if saved.id == wanted and _may_delete(saved, reader):
            repository.saved.delete_search(wanted)
