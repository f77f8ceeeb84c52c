"""Recognises texts that may be a copy of an object, as tools keep in annotations.

Seen in use: JSON (kubectl, Rancher), YAML (config-syncer and scripts), gzip or zip in base64 (banzaicloud's
objectmatcher writes ``banzaicloud.com/last-applied``), JSON within a JSON string, each also behind a byte order mark.
Every pattern begins at one place of a line or text, so that the work grows with the length alone.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from audit_webhook.events import lenient_json as tolerant

DEEPEST: Final = 4
SHORTEST_PACKED: Final = 32
OPAQUE: Final = 256
"""A text in base64 of this length is packed by somebody; what is in it cannot be told when it is of an unknown form."""
_BLANK: Final = "\ufeff\u200b\x00 \t\r\n\f\v"
_OBJECT_LINE: Final = re.compile(
    r"""^[ \t-]*+["']?(?:apiVersion|kind|data|stringData|metadata)["']?[ \t]*+:""", re.IGNORECASE | re.MULTILINE
)
# A YAML parser takes tags, anchors and block scalars before a value too (yaml.org/spec/1.2.2, chapters 6 to 8).
_KIND_LINE: Final = re.compile(
    r"""^[ \t?-]*+["']?kind["']?\s*+:(?:[ \t]*+[!&|>]\S{0,64}+){0,2}\s*+["']?Secret(?:List)?\b""", re.I | re.M
)
_DATA_LINE: Final = re.compile(r"""^[ \t-]*+["']?(?:data|stringData)["']?[ \t]*+:""", re.I | re.M)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]++={0,2}")
_HEX: Final = re.compile(r"[0-9a-fA-F]++")
_WRITTEN_SECRET: Final = (
    b'"Secret', b" Secret", b"'Secret", b":Secret", b"\\nSecret", b"\\tSecret", b"\\rSecret",
)
_ESCAPED_SECRET: Final = re.compile(rb"\\u00(?:53|6[35]|7[24])")
_SPACE: Final = re.compile(r"\s++")
_PACKED: Final = (
    b"\x1f\x8b", b"PK\x03\x04", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x28\xb5\x2f\xfd", b"BZh",
    b"\xfd7zXZ", b"\x04\x22\x4d\x18", b"\xff\x06\x00\x00",
)
"""How files of gzip, zip, zlib, zstd, bzip2, xz, lz4 and snappy begin."""
# What a text has in which a tool may keep a copy of the object: a line's end, a quote, a packed piece.
_COPY_HINT: Final = re.compile(rb'\\[nr"]')
_BOM: Final = b"\xef\xbb\xbf"
_PACKED_LETTERS: Final = bytes.maketrans(b"bcdefghijklmnopqrstuvwxyz0123456789+/_", b"a" * 38)
_PACKED_HINT: Final = b"a" * 24
PLAIN_WORD: Final = re.compile(rb'"(?:[A-Za-z0-9][A-Za-z0-9./_-]{0,30}|[0-9][0-9TZ:.+-]{0,30})"')
"""A word or a time as it stands in JSON, for which `may_be_object` need not be asked: short, and plain text."""


def may_be_object(text: str, depth: int = 0) -> bool:
    """Whether a text may be an object, or an object that was packed."""
    text = text.strip(_BLANK)
    if text[:1] in ("{", "[") or _OBJECT_LINE.search(_lines(text)):
        return True
    if text[:1] in ('"', "'"):
        inner = _unquoted(text)
        return inner is None or depth >= DEEPEST or may_be_object(inner, depth + 1)
    return _is_packed(text, depth)


def holds_secret_in_text(text: str, depth: int = 0) -> bool:
    """Whether a text that is no JSON object holds a Secret: as YAML, or within a JSON string."""
    text = text.strip(_BLANK)
    if text[:1] == '"':
        inner = _unquoted(text)
        return inner is not None and (depth >= DEEPEST or holds_secret_in_text(inner, depth + 1))
    if text[:1] in ("{", "["):
        return "ecret" in text and depth > 0
    lines = _lines(text)
    return _KIND_LINE.search(lines) is not None and _DATA_LINE.search(lines) is not None


def may_hold_copy(value: bytes) -> bool:
    """Tell by a quick look whether a tool may keep a copy of an object in this value; each look is one pass in C."""
    if b"\\" in value and _COPY_HINT.search(value) or not value.isascii() and _BOM in value:
        return True
    folded = value.lower()
    return b"applied" in folded or _PACKED_HINT in folded.translate(_PACKED_LETTERS)


def may_hold_secret(raw: bytes, start: int, end: int) -> bool:
    """Tell by a quick look whether an object of kind Secret may be in this span, also in quoted or escaped text."""
    if raw.find(b"Secret", start, end) >= 0 and any(raw.find(each, start, end) >= 0 for each in _WRITTEN_SECRET):
        return True
    escape = raw.find(b"\\u00", start, end)
    return escape >= 0 and _ESCAPED_SECRET.search(raw, escape, end) is not None


def may_hold_written_secret(raw: bytes) -> bool:
    """Tell by a quick look whether a Secret may be written out in an event."""
    return any(map(raw.__contains__, _WRITTEN_SECRET))


def _lines(text: str) -> str:
    return text.replace("\r", "\n") if "\r" in text else text


def _unquoted(text: str) -> str | None:
    """Return what a JSON string holds; None when it is none."""
    try:
        value = tolerant.loads(text.encode("utf-8", "surrogatepass"))
    except tolerant.Undecodable:
        return None
    return value if isinstance(value, str) else None


def _is_packed(text: str, depth: int) -> bool:
    joined = _SPACE.sub("", text)
    if len(joined) < SHORTEST_PACKED or not _BASE64.fullmatch(joined):
        return False
    if _HEX.fullmatch(joined):
        content = bytes.fromhex(joined[:len(joined) // 2 * 2])
    else:
        content = _decoded(joined)
        if len(joined) >= OPAQUE:
            return True
    if content.startswith(_PACKED):
        return True
    inner = content.decode("utf-8", "replace")
    return depth < DEEPEST and "\ufffd" not in inner and may_be_object(inner, depth + 1)


def _decoded(text: str) -> bytes:
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        return b""
