"""Follows one object through its recorded requests: what each did, what the object was after it, who set which line.

The state after a request is taken from its response where that was recorded, and rebuilt from its request where not.
What was recorded without content leaves a gap: the next known state may hold changes of several requests, and the
lines that changed are then marked as set by the last of them or by one before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from audit_webhook.deadline import check
from audit_webhook.history.blame import carry, claim
from audit_webhook.history.diff import Difference, compare, part
from audit_webhook.history.manifest import Pseudonyms, extent_of
from audit_webhook.history.states import Request, Result, after_write, is_answer, list_names, uid_of
from audit_webhook.history.unrecorded import Unrecorded, find_unrecorded

Deed = Literal[
    "created", "recreated", "changed", "same", "deleting", "deleted", "perhaps", "unknown", "failed", "rehearsed"
]
BEFORE: Final = 0
UNRECORDED: Final = 1 << 32
"""Added to the number of a revision, it marks what was changed before that revision by requests without any record."""
MOST_STEPS: Final = 200_000
"""Members and items of all states of an object that are compared, one after the other."""
TOO_LARGE: Final = "The change is not shown: the content is too large to compare."


@dataclass(frozen=True, slots=True)
class Revision:
    """One request and what it did to the object.

    `difference` is None where it is not known; `is_rebuilt` tells that the state was not recorded but worked out, and
    `is_partial` that it holds only what was seen of the object. `gap` counts the requests before this one whose changes
    were not recorded and may be among its own. `unrecorded` is what happened before it without any record.
    """

    number: int
    request: Request
    deed: Deed
    difference: Difference | None = None
    is_rebuilt: bool = False
    is_partial: bool = False
    gap: int = 0
    note: str = ""
    unrecorded: Unrecorded | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """An object's revisions, oldest first, and its last known state.

    The marks of the manifest are numbers of revisions: a negative one stands for that revision or one before it that
    was recorded without content, 0 for a time before the first. `exists` is None when it is not known. `gap` counts
    the requests after the last known state whose changes were not recorded.
    """

    revisions: tuple[Revision, ...]
    manifest: object
    marks: Pseudonyms
    exists: bool | None
    is_partial: bool
    gap: int


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of the object between two requests."""

    manifest: object = None
    marks: Pseudonyms = Pseudonyms(BEFORE)
    exists: bool | None = None
    is_partial: bool = False
    gap: int = 0
    lives: int = 0
    is_answered: bool = False
    """Whether the manifest is an answer of the apiserver, with its counts of versions, and not worked out."""


def follow(requests: Iterable[Request]) -> Life:
    """Give the life that the requests, oldest first, tell of."""
    state = _State()
    revisions: list[Revision] = []
    left = MOST_STEPS
    for number, request in enumerate(requests, 1):
        check()
        state, revision = _step(state, _bounded(request, left), number)
        revisions.append(revision)
        left -= extent_of(state.manifest).nodes
    manifest = None if state.manifest is None else part(state.manifest)[0]
    return Life(tuple(revisions), manifest, state.marks, state.exists, state.is_partial, state.gap)


def _bounded(request: Request, left: int) -> Request:
    """Leave out bodies that are nested deeper than anything of Kubernetes, or too large to compare."""
    sent, answered = extent_of(request.request), extent_of(request.response)
    if sent.is_too_deep or answered.is_too_deep:
        return replace(request, request=None, response=None, is_truncated=True)
    if request.verb == "deletecollection":  # of whose answer only the names are read
        return request
    if sent.is_too_large or answered.is_too_large or sent.nodes + answered.nodes > left:
        return replace(request, request=None, response=None, is_too_large=True)
    return request


def _after(base: object, request: Request) -> Result | None:
    """Return the object after a request; None also when applying its patch made it too deep or too large."""
    result = after_write(base, request)
    if result is None or not result.is_rebuilt:
        return result
    extent = extent_of(result.manifest)
    return None if extent.is_too_deep or extent.is_too_large else result


def _step(state: _State, request: Request, number: int) -> tuple[_State, Revision]:
    if request.code is None or request.code >= 400:
        return state, Revision(number, request, "failed")
    if request.is_dry_run:
        return state, _rehearse(state, request, number)
    if request.verb == "deletecollection":
        return _delete_with_others(state, request, number)
    if request.verb == "delete" or request.subresource == "eviction":
        return _delete(*_bridge(state, request, number), request, number)
    return _write(*_bridge(state, request, number), request, number)


def _bridge(state: _State, request: Request, number: int) -> tuple[_State, Unrecorded | None]:
    """Put what happened without any record before a request into the state, so that nobody is blamed for it."""
    found = find_unrecorded(state.manifest, request, request.response) if _is_comparable(state, request) else None
    if found is None:
        return state, None
    if found.difference is None:
        return replace(state, gap=state.gap + 1), found
    marks = carry(state.marks, part(state.manifest)[0], part(found.manifest)[0], UNRECORDED + number)
    return replace(state, manifest=found.manifest, marks=marks), found


def _is_comparable(state: _State, request: Request) -> bool:
    is_whole = state.is_answered and not state.gap and not state.is_partial and state.exists is True
    return is_whole and uid_of(state.manifest) == uid_of(request.response) and is_answer(request)


def _rehearse(state: _State, request: Request, number: int) -> Revision:
    """A dry run changes nothing; what it would have changed is known when its result was recorded."""
    result = _after(state.manifest, request)
    difference = compare(state.manifest, result.manifest) if result and _is_known(state) else None
    return Revision(number, request, "rehearsed", difference, note="Dry run: nothing was changed.")


def _is_known(state: _State) -> bool:
    return state.manifest is not None and not state.gap and state.exists is not False


def _delete_with_others(state: _State, request: Request, number: int) -> tuple[_State, Revision]:
    names = list_names(request.response)
    if names is None:
        note = "Many objects were deleted at once; which ones was not recorded."
        return replace(state, exists=None), Revision(number, request, "perhaps", note=note)
    if request.name not in names:
        return state, Revision(number, request, "same", note="Other objects were deleted, not this one.")
    return _gone(state), Revision(number, request, "deleted", _last_words(state), gap=state.gap)


def _gone(state: _State) -> _State:
    """The object is no more; its last known state stays, to look at."""
    return replace(state, exists=False, lives=max(1, state.lives))


def _last_words(state: _State) -> Difference | None:
    return compare(state.manifest, None) if state.manifest is not None else None


def _delete(
    state: _State, unrecorded: Unrecorded | None, request: Request, number: int
) -> tuple[_State, Revision]:
    """An object with a time of grace or with finalizers is only marked; the answer then is the object itself."""
    result = _after(state.manifest, request) if request.verb == "delete" else None
    if result and result.is_leaving:
        difference = compare(state.manifest, result.manifest) if _is_known(state) else None
        revision = Revision(
            number, request, "deleting", difference, gap=state.gap, note=_why_leaving(result), unrecorded=unrecorded
        )
        return _moved(state, result, number), revision
    if request.subresource == "eviction":
        return state, Revision(number, request, "deleting", note="Evicted: deletion requested.")
    note = ""
    if request.response is None:
        note = "The response was not recorded: finalizers may have kept the object."
    revision = Revision(
        number, request, "deleted", _last_words(state), gap=state.gap, note=note, unrecorded=unrecorded
    )
    return _gone(state), revision


def _why_leaving(result: Result) -> str:
    if result.finalizers:
        return f"Kept until its finalizers are done: {', '.join(result.finalizers)}."
    return "Terminating (grace period)."


def _write(
    state: _State, unrecorded: Unrecorded | None, request: Request, number: int
) -> tuple[_State, Revision]:
    is_new = request.code == 201 and not request.subresource
    result = _after(None if is_new else state.manifest, request)
    if is_new:
        return _create(state, result, request, number)
    if result is None:
        return _unseen(state, request, number)
    if _is_other(state, result):
        return _replace(state, result, request, number)
    moved, revision = _change(state, result, request, number)
    return moved, replace(revision, unrecorded=unrecorded)


def _create(state: _State, result: Result | None, request: Request, number: int) -> tuple[_State, Revision]:
    deed: Deed = "recreated" if state.lives or state.manifest is not None else "created"
    note = "Its earlier deletion was not recorded." if state.exists else ""
    if result is None:
        unknown = _State(None, Pseudonyms(-number), True, gap=1, lives=state.lives + 1)
        return unknown, Revision(number, request, deed, note=f"{_why_unseen(request)} {note}".strip())
    difference = compare(None, result.manifest)
    revision = Revision(
        number, request, deed, difference, result.is_rebuilt, result.is_partial, note=f"{result.note} {note}".strip()
    )
    return _State(
        result.manifest, Pseudonyms(number), True, result.is_partial, lives=state.lives + 1,
        is_answered=not result.is_rebuilt,
    ), revision


def _replace(state: _State, result: Result, request: Request, number: int) -> tuple[_State, Revision]:
    """The object has another UID than before: its deletion and its creation were not recorded."""
    note = "Another object of this name: neither the old one's deletion nor this one's creation was recorded."
    difference = compare(state.manifest, result.manifest)
    moved = _moved(_State(gap=1, lives=state.lives + 1), result, number)
    return moved, Revision(number, request, "recreated", difference, gap=max(1, state.gap), note=note)


def _is_other(state: _State, result: Result) -> bool:
    old, new = uid_of(state.manifest), uid_of(result.manifest)
    return bool(old and new and old != new)


def _unseen(state: _State, request: Request, number: int) -> tuple[_State, Revision]:
    moved = replace(state, exists=True, gap=state.gap + 1)
    return moved, Revision(number, request, "unknown", note=_why_unseen(request))


def _why_unseen(request: Request) -> str:
    if request.is_too_large:
        return TOO_LARGE
    if request.is_truncated:
        return "The change is not known: the kube-apiserver truncated the content."
    if request.request is None and request.response is None:
        return f"The change is not known: recorded at level {request.level or 'unknown'}."
    return "The change cannot be derived from what was recorded."


def _moved(state: _State, result: Result, number: int) -> _State:
    """Give the state after a request, each line marked with who set it as far as that can be known."""
    new = part(result.manifest)[0]
    doubtful = -number if state.gap else BEFORE
    if state.manifest is None:
        marks = claim(Pseudonyms(doubtful), new, result.sent, number, doubtful)
    else:
        marks = carry(state.marks, part(state.manifest)[0], new, -number if state.gap else number)
        if state.gap:
            marks = claim(marks, new, result.sent, number, doubtful)
    is_partial = result.is_rebuilt and (result.is_partial or state.is_partial or state.gap > 0)
    is_answered = not result.is_rebuilt and not result.is_of_subresource
    return _State(result.manifest, marks, True, is_partial, 0, state.lives, is_answered)


def _change(state: _State, result: Result, request: Request, number: int) -> tuple[_State, Revision]:
    difference = compare(state.manifest, result.manifest) if state.manifest is not None else None
    if request.subresource == "status" and difference and difference.essence:
        # A status update changes nothing else: requests whose content was not recorded did.
        state = replace(state, gap=state.gap + 1)
    moved = _moved(state, result, number)
    if result.is_over:
        note = "Last finalizer removed; object deleted."
        return _gone(moved), Revision(number, request, "deleted", difference, gap=state.gap, note=note)
    is_same = difference is not None and not difference.essence and not difference.noise and not state.gap
    return moved, Revision(
        number, request, "same" if is_same else "changed", difference, result.is_rebuilt, moved.is_partial, state.gap,
        result.note,
    )
