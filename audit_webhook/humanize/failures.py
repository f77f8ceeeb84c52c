"""Whether a request did what it asked for, and if not, why: from the status code, its reason and its message."""

from __future__ import annotations

import re
from typing import Final

from audit_webhook.events.event import Event
from audit_webhook.humanize.objects import noun
from audit_webhook.humanize.text import visible, visible_name

LONGEST_MESSAGE: Final = 2_000
_WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_REASONS: Final = {
    "AlreadyExists": "it already exists",
    "Conflict": "it was changed in the meantime (conflict)",
    "Invalid": "the object is invalid",
    "BadRequest": "bad request",
    "MethodNotAllowed": "method not allowed",
    "NotAcceptable": "the requested format is not available",
    "RequestEntityTooLarge": "it was too large",
    "UnsupportedMediaType": "unsupported media type",
    "TooManyRequests": "rate limited",
    "Expired": "the resource version is too old",
    "Gone": "the resource version is too old",
    "ServiceUnavailable": "the server was not available",
    "InternalError": "the server failed",
}
_CODES: Final = {
    400: "bad request",
    405: "method not allowed",
    409: "it was changed in the meantime (conflict)",
    410: "the resource version is too old",
    413: "it was too large",
    415: "unsupported media type",
    422: "the object is invalid",
    429: "rate limited",
    500: "the server failed",
    503: "the server was not available",
}

# What admission and storage say (kubernetes: staging/src/k8s.io/apiserver/pkg/admission, plugin/pkg/admission,
# pkg/registry/core/pod/storage/eviction.go); 0 stands for any code.
_MESSAGES: Final = (
    (0, re.compile(r'admission webhook "([^"]{1,253})" denied'), "admission webhook {} refused it"),
    (0, re.compile(r"ValidatingAdmissionPolicy '([^']{1,253})'"), "admission policy {} refused it"),
    (403, re.compile(r"exceeded quota"), "quota exceeded"),
    (403, re.compile(r"violates PodSecurity"), "Pod Security does not allow it"),
    (403, re.compile(r"attempting to grant RBAC permissions"), "it would grant more permissions than the caller has"),
    (403, re.compile(r"is being terminated"), "the namespace is being deleted"),
    (409, re.compile(r"\AApply failed"), "another field manager owns a part of it"),
    (409, re.compile(r"precondition"), "precondition failed"),
    (422, re.compile(r"field is immutable"), "a field is immutable"),
    (429, re.compile(r"disruption budget"), "its disruption budget does not allow it"),
)
_IMPERSONATION: Final = re.compile(r'User "[^"\\]*+(?:\\.[^"\\]*+)*+" cannot impersonate')
_MISSING: Final = re.compile(r'\A([a-z]{1,63})(?:\.([\w.-]{1,253}))? "[^"]*" not found')


def is_denied(event: Event) -> bool:
    """Whether the authorizer or an admission rule said no; a 403 of what stands behind a proxy is its own matter."""
    if event.decision == "forbid":
        return True
    return event.code == 403 and (event.subresource != "proxy" or event.status_reason != "")


def may_not_impersonate(event: Event) -> bool:
    """Whether it was the impersonation that was refused, before anybody looked at the request itself."""
    return event.code == 403 and not event.decision and _IMPERSONATION.search(_message(event)) is not None


def refusal_of(event: Event) -> str:
    """Give why admission refused what the authorizer had allowed; empty when it was the authorizer who refused."""
    if event.decision == "forbid":
        return ""
    return _said(event) or ("it was refused" if event.decision == "allow" else "")


def failure_of(event: Event) -> str:
    """Give why nothing happened; empty when it did."""
    if event.stage == "Panic":
        return "the apiserver panicked"
    if event.code is None or event.code < 400:
        return ""
    if event.subresource == "proxy":
        return _behind_proxy(event)
    if event.code == 404:
        return _missing(event)
    if event.code == 504 or event.status_reason == "Timeout":
        return "timed out; it may have happened" if event.verb in _WRITES else "timed out"
    if event.code == 401:
        return "the credentials were not accepted"
    return _said(event) or _REASONS.get(event.status_reason) or _CODES.get(event.code) or _code(event)


def _said(event: Event) -> str:
    message = _message(event)
    for code, pattern, text in _MESSAGES if message else ():
        if code in (0, event.code) and (found := pattern.search(message)):
            return text.format(*(visible_name(group) for group in found.groups()))
    return ""


def _missing(event: Event) -> str:
    """Say what is not there: it need not be what the request names."""
    if not event.resource:
        return "there is no such path"
    found = _MISSING.search(_message(event))
    if found and found[1] != event.resource:
        return f"there is no such {noun(found[1], found[2] or '')}"
    if event.subresource:
        return f"there is no such {noun(event.resource, event.api_group)}"
    return "not found" if event.name else f"the server knows no {visible(event.resource, 60)}"


def _behind_proxy(event: Event) -> str:
    if event.status_reason in ("ServiceUnavailable", "BadRequest"):
        return "it could not be reached"
    return _code(event)


def _code(event: Event) -> str:
    return f"the answer was {event.code}"


def _message(event: Event) -> str:
    return event.status_message[:LONGEST_MESSAGE]
