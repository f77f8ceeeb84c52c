"""Writes a request's URI for its row in the table events, without what other columns of the row say already.

``/apis/apps/v1/namespaces/shop/deployments/web?limit=5`` becomes four marks with ``/v1`` and ``?limit=5`` between them:
the other columns name the group, the namespace, the resource and the name. Rows that were stored before there were
marks hold the whole URI, and are read the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

IN_NAMESPACE: Final = "\1"
OF_RESOURCE: Final = "\2"
NAMED: Final = "\3"
IN_GROUP: Final = "\4"
MARKS: Final = (IN_GROUP, IN_NAMESPACE, OF_RESOURCE, NAMED)
_OF_LIST: Final = IN_NAMESPACE + OF_RESOURCE
_OF_OBJECT: Final = _OF_LIST + NAMED
_OF_GROUP: Final = f"{IN_GROUP}/"
_NO_MARKS: Final = str.maketrans(dict.fromkeys(MARKS, "?"))  # as long: the URI was cut to the column's length before


def shorten_all(
    uris: Sequence[str], groups: Sequence[str], namespaces: Sequence[str], resources: Sequence[str],
    names: Sequence[str],
) -> list[str]:
    """Give what the column holds for each event; `expand` gives the URIs again."""
    columns = (uris, groups, namespaces, resources, names)
    joined = "".join(map("".join, columns))
    if any(mark in joined for mark in MARKS):
        return [shorten(*texts) for texts in zip(*columns, strict=True)]
    return list(map(_shorten, *columns))


def shorten(uri: str, group: str, namespace: str, resource: str, name: str) -> str:
    """Give what the column holds for one event."""
    joined = f"{uri}{group}{namespace}{resource}{name}"
    if any(mark in joined for mark in MARKS):
        return without_marks(uri)
    return _shorten(uri, group, namespace, resource, name)


def _shorten(uri: str, group: str, namespace: str, resource: str, name: str) -> str:
    if not resource:
        return uri
    if namespace:  # most URIs, in fewer steps
        head, found, rest = uri.partition(f"/namespaces/{namespace}/{resource}")
        if found:
            head = head.replace(f"/apis/{group}/", _OF_GROUP, 1) if group else head
            is_named = name and rest.startswith(f"/{name}")
            return f"{head}{_OF_OBJECT}{rest[len(name) + 1:]}" if is_named else f"{head}{_OF_LIST}{rest}"
    parted = uri.replace(f"/namespaces/{namespace}/", f"{IN_NAMESPACE}/", 1) if namespace else uri
    short = parted.replace(f"/{resource}/{name}", OF_RESOURCE + NAMED, 1) if name else parted
    if short == parted:
        short = parted.replace(f"/{resource}", OF_RESOURCE, 1)
    return short.replace(f"/apis/{group}/", f"{IN_GROUP}/", 1) if group else short


def without_marks(uri: str) -> str:
    """Give a URI in which nothing can be taken for a mark."""
    return uri.translate(_NO_MARKS)


def expand(short: str, group: str, namespace: str, resource: str, name: str) -> str:
    """Give the URI of a row; the search does the same in SQL, see `query.to_sql`."""
    meant = (f"/apis/{group}", f"/namespaces/{namespace}", f"/{resource}", f"/{name}")
    for mark, text in zip(MARKS, meant, strict=True):
        short = short.replace(mark, text)
    return short
