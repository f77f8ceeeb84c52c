"""An audit event as it stands in JSON, without its bodies: what a typed decode takes from its raw bytes.

The bodies are most of the bytes and are rarely needed: a typed decode steps over them. What it does not take (a lone
surrogate, a number where a string belongs) is decoded member by member; a value of the wrong type counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Final

import msgspec

from audit_webhook.events import lenient_json as tolerant
from audit_webhook.events.identities import ORIGINAL_USER

LEVELS: Final = frozenset({"None", "Metadata", "Request", "RequestResponse"})
BODIES: Final = frozenset({"requestObject", "responseObject"})


class NamedUser(msgspec.Struct, frozen=True, gc=False):
    """A user as it stands in JSON (k8s.io/api authentication/v1 UserInfo), without extra values."""

    username: str | None = None
    groups: tuple[str, ...] | None = None

    def filed(self) -> User:
        """Return the user with what is filed of it, and nothing else, which may be long."""
        return User(self.username, self.groups)

    def all_extra(self) -> tuple[tuple[str, ...], ...]:
        """Return all extra values that are filed."""
        return ()


class _Extra(msgspec.Struct, frozen=True, gc=False):
    """Of the extra values those that say who somebody is."""

    session_name: tuple[str, ...] | None = msgspec.field(default=None, name="sessionName")
    username: tuple[str, ...] | None = None
    email: tuple[str, ...] | None = None
    original: tuple[str, ...] | None = msgspec.field(default=None, name=ORIGINAL_USER)


_MEMBERS: Final = {"sessionName": "session_name", "username": "username", "email": "email", ORIGINAL_USER: "original"}


class User(NamedUser, frozen=True, gc=False):
    """A user with those extra values that are filed."""

    extra: _Extra | None = None

    def filed(self) -> User:
        """Return the user itself."""
        return self

    def extra_values(self, key: str) -> tuple[str, ...]:
        """Return the extra values of a key that is filed."""
        return getattr(self.extra, _MEMBERS[key]) or () if self.extra else ()

    def all_extra(self) -> tuple[tuple[str, ...], ...]:
        """Return all extra values that are filed."""
        extra = self.extra
        if extra is None:
            return ()
        return (extra.session_name or (), extra.username or (), extra.email or (), extra.original or ())


class ObjectReference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What a request was about, as it stands in JSON (audit/v1 ObjectReference)."""

    resource: str | None = None
    namespace: str | None = None
    name: str | None = None
    api_group: str | None = None
    api_version: str | None = None
    subresource: str | None = None


class _Status(msgspec.Struct, frozen=True, gc=False):
    code: int | None = None
    reason: str | None = None
    message: str | None = None


class _Annotations(msgspec.Struct, frozen=True, gc=False):
    decision: str | None = msgspec.field(default=None, name="authorization.k8s.io/decision")
    reason: str | None = msgspec.field(default=None, name="authorization.k8s.io/reason")
    truncated: str | None = msgspec.field(default=None, name="audit.k8s.io/truncated")
    login_decision: str | None = msgspec.field(default=None, name="authentication.openshift.io/decision")
    login_user: str | None = msgspec.field(default=None, name="authentication.openshift.io/username")


class _Metadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    creation_timestamp: str | None = None


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An Event as it stands in JSON, without its bodies (k8s.io/apiserver pkg/apis/audit/v1/types.go)."""

    level: str | None = None
    audit_id: str | None = msgspec.field(default=None, name="auditID")
    stage: str | None = None
    request_uri: str | None = msgspec.field(default=None, name="requestURI")
    verb: str | None = None
    user: NamedUser | None = None
    impersonated_user: NamedUser | None = None
    source_ips: tuple[str, ...] | None = msgspec.field(default=None, name="sourceIPs")
    user_agent: str | None = None
    object_ref: ObjectReference | None = None
    response_status: _Status | None = None
    request_received_timestamp: str | None = None
    stage_timestamp: str | None = None
    timestamp: str | None = None
    metadata: _Metadata | None = None
    annotations: _Annotations | None = None


class _FiledWire(Wire, frozen=True, gc=False, rename="camel"):
    user: User | None = None
    impersonated_user: User | None = None


_verb: Final = attrgetter("verb")
_decode_wire: Final = msgspec.json.Decoder(_FiledWire).decode
NO_USER: Final = User()
NO_OBJECT: Final = ObjectReference()
NO_STATUS: Final = _Status()
NO_ANNOTATIONS: Final = _Annotations()


def group_of(target: ObjectReference) -> str:
    """Return the API group; where a shipper left it in the version, as in ``apps/v1beta1``, from there."""
    return target.api_group or (target.api_version or "").rpartition("/")[0]


def read_wire(raw: bytes) -> Wire:
    """Decode what stands beside the bodies; raises tolerant.Undecodable when it is no JSON object at all."""
    try:
        return _decode_wire(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _tolerant_wire(tolerant.shallow(raw, skip=BODIES).values)


def read_usual_wires(raws: Sequence[bytes]) -> list[Wire] | None:
    """Return what `read_wire` gives for each, in one go; None when one of them takes another way."""
    try:
        return list(map(_decode_wire, raws))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def is_event(wire: Wire) -> bool:
    """Return whether an object is an audit event: it has a verb, or a level that there is.

    Something else that was posted by mistake, such as an AdmissionReview, is none, and may hold anything.
    """
    return bool(wire.verb) or wire.level in LEVELS


def are_events(wires: Sequence[Wire]) -> bool:
    """Return whether each object is an audit event."""
    return all(map(_verb, wires)) or all(map(is_event, wires))


def _tolerant_wire(values: Mapping[str, object]) -> Wire:
    """Build the wire value from loosely decoded members; what has the wrong type counts as absent."""
    user, target = _mapping(values.get("user")), _mapping(values.get("objectRef"))
    status, notes = _mapping(values.get("responseStatus")), _mapping(values.get("annotations"))
    code = status.get("code")
    return Wire(
        level=_text(values.get("level")),
        audit_id=_text(values.get("auditID")),
        stage=_text(values.get("stage")),
        request_uri=_text(values.get("requestURI")),
        verb=_text(values.get("verb")),
        user=_loose_user(user),
        impersonated_user=_loose_user(_mapping(values.get("impersonatedUser"))),
        source_ips=_texts(values.get("sourceIPs")),
        user_agent=_text(values.get("userAgent")),
        object_ref=ObjectReference(
            resource=_text(target.get("resource")),
            namespace=_text(target.get("namespace")),
            name=_text(target.get("name")),
            api_group=_text(target.get("apiGroup")),
            api_version=_text(target.get("apiVersion")),
            subresource=_text(target.get("subresource")),
        ),
        response_status=_Status(
            code if type(code) is int else None, _text(status.get("reason")), _text(status.get("message"))
        ),
        request_received_timestamp=_text(values.get("requestReceivedTimestamp")),
        stage_timestamp=_text(values.get("stageTimestamp")),
        timestamp=_text(values.get("timestamp")),
        metadata=_Metadata(_text(_mapping(values.get("metadata")).get("creationTimestamp"))),
        annotations=_Annotations(
            _text(notes.get("authorization.k8s.io/decision")),
            _text(notes.get("authorization.k8s.io/reason")),
            _text(notes.get("audit.k8s.io/truncated")),
            _text(notes.get("authentication.openshift.io/decision")),
            _text(notes.get("authentication.openshift.io/username")),
        ),
    )


def _loose_user(user: Mapping[str, object]) -> User:
    extra = {key: _texts(values) for key, values in _mapping(user.get("extra")).items()}
    return User(_text(user.get("username")), _texts(user.get("groups")), filed_extra(extra))


def filed_extra(extra: Mapping[str, tuple[str, ...]]) -> _Extra | None:
    """Return of the extra values those that are filed; None when there are none."""
    known = {member: extra[key] for key, member in _MEMBERS.items() if key in extra}
    return _Extra(**known) if known else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
