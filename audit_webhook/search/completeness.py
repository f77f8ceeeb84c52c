"""Says when a search may leave something out, because values are longer than what is kept of them for searching.

A value beyond its limit is kept as its beginning and a hash of all of it (`bounds.cut`). A search for the whole value
finds it by the hash; a search for a part of a value, or for a value with `*`, sees only the beginning.
"""

from __future__ import annotations

from typing import Final

from audit_webhook.events.event import LIMITS
from audit_webhook.query import Node, parse
from audit_webhook.query.fields import KEPT_AS
from audit_webhook.query.syntax import And, Equals, Glob, Not, Or, Word
from audit_webhook.storage.repository import Repository

CUT: Final = (
    "Some values are too long to be searched whole: of each, the first {limit} bytes were compared. "
    "There may be more matches; body: searches all of an event."
)


def find_shortfall(repository: Repository, text: str, now: int) -> str:
    """Return why the matches of a query may not be all; empty when they are. Raises query.QueryError.

    A limited reader is told whenever it may be so, since what others stored must not show.
    """
    limits = _compared_in_part(parse(text, now))
    if not limits or not (repository.scope().is_limited or repository.tallies.has_cut_values()):
        return ""
    return CUT.format(limit=f"{min(limits):,}")


def _compared_in_part(node: Node) -> list[int]:
    """Return the limits, in bytes, of the values that a query compares in part."""
    match node:
        case And(children) | Or(children):
            return [limit for child in children for limit in _compared_in_part(child)]
        case Not(child):
            return _compared_in_part(child)
        case Glob("usergroup", _) | Equals("usergroup", _):
            return [LIMITS["user_groups"]]
        case Equals("ip", _):
            return [LIMITS["claimed_ips"]]
        case Glob(field, _) if field in KEPT_AS:
            return [LIMITS[KEPT_AS[field]]]
        case Word(_):
            return [LIMITS["name"]]
        case _:
            return []
