"""Takes secrets out of an event's bytes before anything is hashed, stored or logged.

What is masked: ``data`` and ``stringData`` of Secrets in every shape that a request or an answer has (object, list,
table row, merge, strategic and apply patch, JSON Patch, a Secret held by another object), copies of one in annotations,
the tokens of TokenRequest and TokenReview, OpenShift's OAuth tokens, and what in the request's URI is known for a token
or password by the words around it. The keys stay, so that it is still seen which entries a request touched; every byte
outside of the values masked stays as it was sent.

What is masked beside that is a list of paths by resource, see redaction_rules.py.

What cannot be seen here: a secret that somebody put into a ConfigMap or an environment variable, one in a command's
arguments that nothing gives away, and one that is packed or encoded inside of another text.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from audit_webhook.events import lenient_json as tolerant
from audit_webhook.events.json_scanner import BrokenJSON, members
from audit_webhook.events.redaction.body_masker import WITHHELD, Masking
from audit_webhook.events.redaction.path_masker import PathMasking
from audit_webhook.events.redaction.pseudonyms import Mark
from audit_webhook.events.redaction.rules import Paths
from audit_webhook.events.redaction.secret_copies import may_hold_secret, may_hold_written_secret
from audit_webhook.events.redaction.uri_masker import mask_uri, may_hold_token

_NAMED_BY_TOKENS: Final = frozenset({"oauthaccesstokens", "oauthauthorizetokens", "useroauthaccesstokens"})
_WATCHED: Final = _NAMED_BY_TOKENS | {"secrets", "token", "tokenreviews"}
_BODIES: Final = frozenset({"requestobject", "responseobject"})
_TELLING: Final = _BODIES | {"responsestatus", "annotations"}
_NAMING: Final = _BODIES | {"responsestatus", "objectref"}
_URI: Final = frozenset({"requesturi"})
_TELLTALE: Final = re.compile(
    rb"secret|token|stringdata|\"data|password|passwd|bearer|authorization:|private|last-applied|\\u00[4-7]|\0", re.I
)
# Bodies, texts of a Status, patches that webhooks made, data, and what may hide the name of any of these: escapes, and
# the characters that fold to an s or a k.
_CONTENT: Final = (
    b'object"', b"message", b"webhook", b'"data', b"stringdata", b"\\u",
    *(character.encode() for character in "\u017f\xdf\u1e9e\u212a"),
)
_SCALAR: Final = re.compile(rb'"[^"\\]*+"|[0-9A-Za-z+.\-]++')
_IN_TOKENS: Final = ("oauth", "/webhooks/", "eyJ", "@", "#", "%")
"""One of these is in a URI without a query that holds a token."""
DRAWN_KEY: Final = secrets.token_bytes(32)
"""Of this process alone: without a ``SECRET_KEY`` no other one recognises a piece that was withheld."""
_Masking = TypeVar("_Masking", bound=Masking)


def find_suspects(
    raws: Sequence[bytes], resources: Sequence[str], subresources: Sequence[str], uris: Sequence[str]
) -> list[int]:
    """Give the places of the events in which `redact` may find something: a quick look tells that of most it does not.

    ``resources`` and ``subresources`` are those of the objectRefs, ``uris`` the requestURIs; empty when absent.
    """
    joined = "\n".join(uris)
    is_odd = any(map(joined.__contains__, _IN_TOKENS))
    return [
        place
        for place, (raw, resource, subresource, uri) in enumerate(zip(raws, resources, subresources, uris, strict=True))
        if b"Secret" in raw and may_hold_written_secret(raw) or b"\\u00" in raw
        or (resource in _WATCHED or subresource in _WATCHED) and _is_suspect(raw, resource, subresource)
        or ("?" in uri or is_odd and any(map(uri.__contains__, _IN_TOKENS))) and may_hold_token(uri)
    ]


def _is_suspect(raw: bytes, resource: str, subresource: str) -> bool:
    return may_tell_content(raw) if "secrets" in (resource, subresource) else True


def redact(raw: bytes, resource: str, subresource: str, uri: str = "", mark: Mark | None = None) -> bytes:
    """Give an event's bytes with its secrets masked: ``raw`` itself when there are none.

    ``resource`` and ``subresource`` are those of its objectRef, empty when absent, and ``uri`` is its requestURI. With
    ``mark``, keyed marks take the place of the values of Secrets and tokens.
    """
    clean = _redact_bodies(raw, resource, subresource, mark)
    return _redacted(Masking(clean), _mask_uri_member, _URI) if may_hold_token(uri) else clean


def redact_paths(raw: bytes, paths: Paths, mark: Mark | None = None) -> bytes:
    """Give an event's bytes with what lies at these paths of its bodies masked: ``raw`` itself when nothing does."""
    return _redacted(PathMasking(raw, paths, mark), PathMasking.mask_event_member, _TELLING) if paths else raw


def may_tell_content(raw: bytes) -> bool:
    """Tell by a quick look whether an event about Secrets has more than its metadata, as few policies let it have."""
    if b'Object"' in raw:
        return True
    folded = raw.lower()
    return any(map(folded.__contains__, _CONTENT))


def _redact_bodies(raw: bytes, resource: str, subresource: str, mark: Mark | None) -> bytes:
    if resource == "secrets" or subresource == "secrets":
        return _redacted(Masking(raw, mark), _mask_secret_event, _TELLING) if may_tell_content(raw) else raw
    if resource == "tokenreviews" or (resource == "serviceaccounts" and subresource == "token"):
        return _redacted(Masking(raw, mark), _mask_token_event, _BODIES | {"responsestatus"})
    if resource in _NAMED_BY_TOKENS:
        return _redacted(Masking(raw, mark), _mask_named_event, _NAMING)
    if may_hold_secret(raw, 0, len(raw)):
        return _redact_other(Masking(raw, mark))
    return raw


def redact_unreadable(
    raw: bytes, telltale: re.Pattern[bytes] | None = None, key: bytes = DRAWN_KEY
) -> bytes:
    """Give bytes that are no event as they are, or a note in their place when they may hold a secret.

    A piece that is torn out of the middle of an event does not tell what it belonged to: it never stays. With
    ``telltale``, a piece in which that is found does not stay either. The note has a keyed hash: a piece that is sent
    again is recognised, and nobody without the key can find a value by trying.
    """
    is_whole = raw.startswith((b"{", b"[")) or _SCALAR.fullmatch(raw) is not None
    if is_whole and _TELLTALE.search(raw) is None and (telltale is None or telltale.search(raw) is None):
        return raw
    return _withhold(raw, key)


def _withhold(raw: bytes, key: bytes = DRAWN_KEY) -> bytes:
    """Note the length, and a keyed hash (HMAC-SHA-256)."""
    digest = hmac.new(key, raw, hashlib.sha256).hexdigest()
    return b'{"withheld":"***","hmac":"%b","length":%d}' % (digest.encode(), len(raw))


def _redacted(
    masking: _Masking, mask_member: Callable[[_Masking, str, int, int], None], names: frozenset[str]
) -> bytes:
    """Mask the members with these names by a function; the request comes first: it may move data in the answer."""
    try:
        found = [(name, start, end) for key, start, end in members(masking.raw) if (name := key.casefold()) in names]
    except BrokenJSON:
        return _withhold(masking.raw)
    found.sort(key=lambda member: member[0] != "requestobject")
    for name, start, end in found:
        mask_member(masking, name, start, end)
    return masking.applied()


def _redact_other(masking: Masking) -> bytes:
    """Mask an event about something else that mentions Secrets, whatever its members are called."""
    try:
        found = members(masking.raw)
    except BrokenJSON:
        return _withhold(masking.raw)
    for key, start, end in found:
        masking.mask_held_secrets(key, start, end)
    return masking.applied()


def _mask_secret_event(masking: Masking, name: str, start: int, end: int) -> None:
    """Mask one member of an event about Secrets."""
    if name == "requestobject":
        masking.guard(masking.mask_secret_request, start, end)
    elif name == "responseobject" and masking.is_spread:
        masking.mask(start, end, WITHHELD)
    elif name == "responseobject":
        masking.guard(masking.mask_secret_response, start, end)
    elif name == "responsestatus":
        masking.guard(masking.mask_secret, start, end)
    else:
        masking.guard(masking.mask_webhook_patches, start, end)


def _mask_token_event(masking: Masking, _name: str, start: int, end: int) -> None:
    """Mask a body of a TokenRequest's or TokenReview's event."""
    masking.guard(masking.mask_token, start, end)


def _mask_named_event(masking: Masking, name: str, start: int, end: int) -> None:
    """Mask one member of an event about OpenShift's OAuth tokens, whose names are the tokens themselves."""
    if name == "objectref":
        masking.guard(lambda first, last: masking.mask_members(first, last, lambda key: key == "name"), start, end)
    else:
        masking.guard(lambda first, last: masking.mask_members(first, last, lambda key: key != "code"), start, end)


def _mask_uri_member(masking: Masking, _name: str, start: int, end: int) -> None:
    """Mask what is secret in the requestURI."""
    text = tolerant.loads(masking.raw[start:end])
    masked = mask_uri(text) if isinstance(text, str) else text
    if isinstance(masked, str) and masked != text:
        masking.mask(start, end, _write_text(masked))


def _write_text(text: str) -> bytes:
    """Write a text as Go's encoding/json does, so that all but what was masked stays as it was sent."""
    written = json.dumps(text, ensure_ascii=False)
    for character in "&<>":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written.encode("utf-8", "backslashreplace")
