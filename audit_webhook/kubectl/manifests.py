"""Writes what a command read from a file, for a here-document: one JSON document for each object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.words import MASK

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
LONGEST: Final = 1_000_000
_SECRETS: Final = ("data", "stringData")


def manifest(requests: Iterable[Request]) -> str:
    """Give the documents that were sent, or what client-side apply noted of them; empty when none was recorded."""
    documents = [document for request in requests if (document := _document(request)) is not None]
    try:
        text = "---\n".join(orjson.dumps(each, option=orjson.OPT_INDENT_2).decode() + "\n" for each in documents)
    except TypeError:  # too deep to be written
        return ""
    return text if len(text) <= LONGEST else ""


def last_applied(body: object) -> str | None:
    """Give the manifest that client-side apply keeps in an annotation; None when there is none."""
    metadata = body.get("metadata") if isinstance(body, dict) else None
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get(LAST_APPLIED) if isinstance(annotations, dict) else None
    return text if isinstance(text, str) else None


def _document(request: Request) -> Any:
    body = request.body
    applied = last_applied(body)
    if applied is not None:
        try:
            body = orjson.loads(applied)
        except orjson.JSONDecodeError:
            body = {} if request.event.resource == "secrets" else request.body
    return masked(body) if request.event.resource == "secrets" else body


def masked(body: object) -> object:
    """Give a Secret with its values masked."""
    if not isinstance(body, dict):
        return None
    return {
        key: ({name: MASK for name in value} if isinstance(value, dict) else MASK) if key in _SECRETS else value
        for key, value in body.items()
        if key != "metadata"
    } | {"metadata": _without_copies(body.get("metadata"))}


def _without_copies(metadata: object) -> object:
    if not isinstance(metadata, dict) or not isinstance(metadata.get("annotations"), dict):
        return metadata
    kept = {key: value for key, value in metadata["annotations"].items() if key != LAST_APPLIED}
    return metadata | {"annotations": kept}
