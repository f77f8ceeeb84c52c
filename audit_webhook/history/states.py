"""The state of an object after a request: as its response shows it, or rebuilt from what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from audit_webhook.history.json_patch import PatchRefused
from audit_webhook.history.patches import apply, kind_of, merge

# Responses to requests for these are the object itself; others have a type of their own, such as Scale.
_OF_OBJECT: Final = frozenset({"", "status", "ephemeralcontainers", "approval", "resize", "finalize"})
_NO_OBJECTS: Final = frozenset({"Status", "Scale", "PartialObjectMetadata", "Table", "Eviction", "Binding"})
_SERVER_SIDE: Final = ("uid", "creationTimestamp", "resourceVersion", "generation", "managedFields", "namespace")
AS_SENT: Final = "As it was sent: the answer, with defaults and what admission changed, was not recorded."
PATCHED: Final = "Found by applying the patch: the answer was not recorded."
GUESSED: Final = "Found by applying the patch as a strategic merge patch; which kind it was is not recorded."


@dataclass(frozen=True, slots=True)
class Request:
    """What was recorded of one request: how it ended, and its bodies as decoded JSON, None where there is none."""

    id: str
    verb: str
    name: str
    subresource: str = ""
    code: int | None = None
    is_dry_run: bool = False
    is_truncated: bool = False
    is_too_large: bool = False
    is_built_in: bool = True
    has_manager: bool = False
    level: str = ""
    request: object = None
    response: object = None


@dataclass(frozen=True, slots=True)
class Result:
    """The object after a request, what the client sent of it, and how sure this is."""

    manifest: object
    sent: object = None
    is_rebuilt: bool = False
    is_partial: bool = False
    note: str = ""
    is_of_subresource: bool = False

    @property
    def finalizers(self) -> tuple[str, ...]:
        """What keeps the object from going away; a namespace has such names in its spec too."""
        document = _mapping(self.manifest)
        names = [*_texts(_mapping(document.get("metadata")).get("finalizers"))]
        if document.get("kind") == "Namespace":
            names += _texts(_mapping(document.get("spec")).get("finalizers"))
        return tuple(names)

    @property
    def is_asked_to_end(self) -> bool:
        """Whether somebody has deleted it."""
        return bool(_metadata(self.manifest).get("deletionTimestamp"))

    @property
    def is_leaving(self) -> bool:
        """Whether it was deleted and is still there: it has time of grace or finalizers."""
        grace = _metadata(self.manifest).get("deletionGracePeriodSeconds")
        return self.is_asked_to_end and bool(self.finalizers or grace)

    @property
    def is_over(self) -> bool:
        """Whether nothing keeps it any longer."""
        return self.is_asked_to_end and not self.is_leaving


def after_write(base: object, request: Request) -> Result | None:
    """Give the object after a request that succeeded; None when what was recorded does not tell.

    The base is the object before it, None when that is not known or there was none.
    """
    if is_answer(request):
        return Result(request.response, _sent(request))
    if request.verb == "delete" or request.request is None and request.response is None:
        return None
    if request.subresource in ("scale", "binding"):
        return _by_subresource(base, request)
    if request.subresource not in _OF_OBJECT or request.request is None:
        return None
    if request.verb == "patch":
        return _patched(base, request)
    return _written(base, request)


def _sent(request: Request) -> object:
    """Give what the client itself set: a patch; an update repeats what others set before."""
    is_patch = request.verb == "patch" and isinstance(request.request, dict)
    return request.request if is_patch and request.subresource != "status" else None


def is_answer(request: Request) -> bool:
    """Return whether the response is the object, whole."""
    response = _mapping(request.response)
    kind = response.get("kind")
    return (
        request.subresource in _OF_OBJECT
        and isinstance(kind, str) and kind not in _NO_OBJECTS
        and _metadata(response).get("name") == request.name
    )


def _by_subresource(base: object, request: Request) -> Result | None:
    body = _mapping(request.response if request.subresource == "scale" else request.request)
    sent = body or _mapping(request.request)
    if request.subresource == "scale":
        member, value = "replicas", _mapping(sent.get("spec")).get("replicas")
    else:
        member, value = "nodeName", _mapping(sent.get("target")).get("name")
    if value is None:
        return None
    change = {"spec": {member: value}}
    return Result(merge(base, change), change, is_partial=base is None, is_of_subresource=True)


def _written(base: object, request: Request) -> Result | None:
    """A create or an update without its answer: what was sent, with what clients cannot set kept."""
    if not isinstance(request.request, dict):
        return None
    if base is None:
        return Result(request.request, is_rebuilt=True, note=AS_SENT)
    before, sent = _mapping(base), request.request
    if request.subresource:
        return Result({**before, "status": sent.get("status")}, is_rebuilt=True, note=AS_SENT)
    kept = {key: value for key, value in _metadata(base).items() if key in _SERVER_SIDE}
    manifest = {**sent, "metadata": {**kept, **_metadata(sent)}}
    if "status" in before:
        manifest["status"] = before["status"]
    return Result(manifest, is_rebuilt=True, note=AS_SENT)


def _patched(base: object, request: Request) -> Result | None:
    patch = request.request
    kind = kind_of(patch, request.is_built_in, request.has_manager)
    if base is None and kind == "json":
        return None
    try:
        manifest = apply(base, patch, kind)
        plain = merge(base, patch) if kind == "strategic" else manifest
    except PatchRefused:
        return None
    if request.subresource == "status":
        manifest = {**_mapping(base), "status": _mapping(manifest).get("status")}
    is_new = request.code == 201
    note = PATCHED if plain == manifest or request.subresource else GUESSED
    return Result(manifest, None if kind == "json" else patch, True, base is None and not is_new, note)


def list_names(response: object) -> frozenset[str] | None:
    """Give the names of the objects of a list; None when it is none."""
    items = _mapping(response).get("items")
    if not isinstance(items, list):
        return None
    return frozenset(str(_metadata(item).get("name")) for item in items)


def uid_of(manifest: object) -> str:
    """Give the UID that tells an object from another one of the same name; empty when it is not known."""
    uid = _metadata(manifest).get("uid")
    return uid if isinstance(uid, str) else ""


def _metadata(value: object) -> Mapping[str, object]:
    return _mapping(_mapping(value).get("metadata"))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
