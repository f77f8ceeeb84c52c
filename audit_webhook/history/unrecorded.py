"""Finds changes of an object that lie between two recorded requests and that no recorded request explains.

Three facts tell. An update names the ``resourceVersion`` that its client had read: another one than the last recorded
answer holds means that somebody wrote in between. A write raises ``metadata.generation`` by at most one
(k8s.io/apiserver pkg/registry/rest/update.go, BeforeUpdate): more means further writes. And what a patch does not
touch, it cannot have changed, unless the server itself did within the same request: defaults and admission.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from audit_webhook.history.diff import Difference, compare, part
from audit_webhook.history.json_patch import PatchRefused
from audit_webhook.history.lists import telling_key
from audit_webhook.history.patches import apply, kind_of
from audit_webhook.history.states import Request

_OF_DELETION: Final = ("deletionTimestamp", "deletionGracePeriodSeconds")
_ABSENT: Final = object()


class Unrecorded(NamedTuple):
    """What changed before a request without any record of it.

    ``manifest`` is the object as it was just before the request, as far as that can be worked out, and ``difference``
    what differs in it from the last recorded state; both are None where only the fact is known. ``writes`` is how many
    there were at least. ``is_certain`` is False where the server may have made the change within the request itself.
    """

    manifest: object
    difference: Difference | None
    writes: int
    is_certain: bool


def find_unrecorded(base: object, request: Request, answer: object) -> Unrecorded | None:
    """Return what happened between the last recorded state and a request; None when nothing tells of anything.

    ``answer`` is the object after the request as its response shows it.
    """
    if not isinstance(base, dict) or not isinstance(answer, dict):
        return None
    if request.verb == "update" and not request.subresource:
        return _before_update(base, request, answer)
    expected = _expected(base, request, answer)
    if expected is None:
        return None
    further = _further_writes(base, expected, answer)
    manifest = _untouched(base, expected, answer)
    if further is not None and further <= 0:
        # Nobody else changed more than the metadata: the rest is the server's own doing within this request.
        manifest = {**base, "metadata": _mapping(manifest).get("metadata", {})}
    difference = compare(base, manifest)
    if not difference.essence and not (further and further > 0):
        return None
    return Unrecorded(manifest, difference, max(1, further or 0), bool(further and further > 0))


def _before_update(base: Mapping[str, object], request: Request, answer: Mapping[str, object]) -> Unrecorded | None:
    """An update sends the whole object: what its client had read already holds what others had changed."""
    sent, before = _metadata(request.request), _metadata(base)
    if not sent.get("resourceVersion"):
        further = _generation(answer, base)
        return Unrecorded(None, None, further - 1, is_certain=True) if further is not None and further > 1 else None
    if sent["resourceVersion"] == before.get("resourceVersion") or not before.get("resourceVersion"):
        return None
    seen = _generation(_mapping(request.request), base)
    if seen == 0 and _essence(base).get("metadata") == _essence(request.request).get("metadata"):
        return None  # the status alone was written in between
    return Unrecorded(None, None, max(1, seen or 0), is_certain=True)


def _expected(base: Mapping[str, object], request: Request, answer: Mapping[str, object]) -> object:
    """Return the object as the request alone would have left it; None when its own change is not known."""
    if request.subresource == "status":
        return {**base, "status": answer.get("status")}
    if request.verb == "delete":
        own = {key: value for key, value in _metadata(answer).items() if key in _OF_DELETION}
        return {**base, "metadata": {**_metadata(base), **own}}
    if request.verb != "patch" or request.subresource or request.request is None:
        return None
    try:
        return apply(base, request.request, kind_of(request.request, request.is_built_in, request.has_manager))
    except PatchRefused:
        return None


def _further_writes(base: Mapping[str, object], expected: object, answer: Mapping[str, object]) -> int | None:
    """Return how many other writes the generation counts; None where the kind has none."""
    risen = _generation(answer, base)
    if risen is None:
        return None
    is_own = _body(base) != _body(_mapping(expected)) or _metadata(answer).get("deletionTimestamp") is not None
    return risen - int(is_own)


def _generation(new: Mapping[str, object], old: Mapping[str, object]) -> int | None:
    after, before = _metadata(new).get("generation"), _metadata(old).get("generation")
    return after - before if isinstance(after, int) and isinstance(before, int) else None


def _body(manifest: Mapping[str, object]) -> dict[str, object]:
    """Return what a generation counts the changes of: all but metadata and status."""
    return {key: value for key, value in manifest.items() if key not in ("metadata", "status")}


def _untouched(base: object, expected: object, answer: object) -> object:
    """Return the base with those changes of the answer that the request did not ask for."""
    if _same(expected, base):
        return answer
    if _same(expected, answer):
        return base
    if isinstance(base, dict) and isinstance(expected, dict) and isinstance(answer, dict):
        members = {
            key: _untouched(base.get(key, _ABSENT), expected.get(key, _ABSENT), answer.get(key, _ABSENT))
            for key in dict.fromkeys((*base, *answer))
        }
        return {key: value for key, value in members.items() if value is not _ABSENT}
    if isinstance(base, list) and isinstance(expected, list) and isinstance(answer, list):
        return _untouched_items(base, expected, answer)
    return base


def _untouched_items(base: list[object], expected: list[object], answer: list[object]) -> list[object]:
    """Return the items of a list that the request touched, told apart by their key; without one, as they were."""
    key = telling_key(base, expected, answer)
    if not key:
        return base
    wanted, found = _by_key(expected, key), _by_key(answer, key)
    known = _by_key(base, key)
    kept = [_untouched(item, wanted.get(name, _ABSENT), found.get(name, _ABSENT)) for name, item in known.items()]
    foreign = [item for name, item in found.items() if name not in wanted and name not in known]
    return [item for item in (*kept, *foreign) if item is not _ABSENT]


def _by_key(items: list[object], key: str) -> dict[object, object]:
    return {item[key]: item for item in items if isinstance(item, dict)}


def _essence(manifest: object) -> Mapping[str, object]:
    return _mapping(part(manifest)[0])


def _same(one: object, other: object) -> bool:
    return one is other or type(one) is type(other) and one == other


def _metadata(value: object) -> Mapping[str, object]:
    return _mapping(_mapping(value).get("metadata"))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
