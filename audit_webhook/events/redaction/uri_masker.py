"""Masks what is secret in a request's URI: tokens among its parameters and in its path, and in the words of an exec.

A URI is all that the audit log tells of the command that somebody ran in a container: each argument is a parameter
``command``, see `command_secrets`. Anybody who reaches an apiserver writes such a URI, of up to a megabyte: no
character is read more than a few times.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final
from urllib.parse import quote, quote_from_bytes

from audit_webhook.events.parameters import unquote
from audit_webhook.events.redaction.command_masker import (
    ASSIGNMENT, LONGEST_ENDING, MASKED, PARTS, VALUE, WORDS, Command, mask_tokens,
)
from audit_webhook.events.redaction.text_edits import assigned_values, replace_spans

_HINTS: Final = (
    "pass", "pwd", "secret", "token", "key", "command", "sig", "cred", "auth", "jwt", "bearer", "code", "eyj", "://",
    "asserti", "otp", "ticket", "samlresp", "pw", "pin", "sid", "session", "sas",
)
_HIDDEN: Final = re.compile(r"%(?:[4-7]|2[35]|3[AaFf])")
_ENDS_AS_PARAMETER: Final = re.compile(
    rf"(?:{WORDS}|(?:\A|[_.-])(?:{PARTS}|authorization|signature|sig|assertion|samlresponse|code_verifier|pw|pin|sid|"
    r"sas|session[_-]?id)|\A(?:key|session))(?:[_.-]?(?:value|confirm|confirmation|again|repeat|new|old|\d{1,4}))?\Z",
    re.I | re.ASCII,
)
# Where the query of a path begins, also when somebody encoded that.
_QUERY: Final = re.compile(r"\?|#|%3[Ff]|%23")
_BLANK: Final = "".join(map(chr, range(33)))
_SELECTORS: Final = frozenset({"labelselector", "fieldselector", "continue", "query"})
# One of these is in every value that holds something to mask, as far as its parameter's name says nothing.
_TELLING: Final = re.compile(r"[=:%]|eyJ")
_ENCODED_BYTES: Final = {byte: quote_from_bytes(bytes((byte,)), safe="*") for byte in range(256)} | {ord(" "): "+"}
_NESTED: Final = 2  # levels of addresses in addresses
_BRACKETS: Final = re.compile(r"[\[\]]")
_TOKEN_NAME: Final = re.compile(r"(/(?:user)?oauth(?:access|authorize)tokens/)(?!sha256~)[^/?]+", re.ASCII)
_SELECTED_NAME: Final = re.compile(r"(metadata\.name\s{0,8}+={1,2}+\s{0,8}+)(?!sha256~)([^,\s]++)", re.ASCII)
# A build is started by whoever knows the secret in the path (OpenShift, "Triggering builds with webhooks").
_BUILD_SECRET: Final = re.compile(r"(/buildconfigs/[^/]++/webhooks/)[^/]++", re.ASCII)
_LOGIN_PATHS: Final = ("oauth", "callback", "login", "oidc", "/auth")
_LOGIN_PARAMETERS: Final = frozenset({
    "client_id", "redirect_uri", "grant_type", "response_type", "state", "session_state",
})
_SINGLE_USE: Final = frozenset({"code", "ticket"})


def may_hold_token(uri: str) -> bool:
    """Tell by a quick look whether `mask_uri` may find something."""
    if "oauth" in uri or "/webhooks/" in uri or "eyJ" in uri or "@" in uri or "#" in uri or not uri.isascii():
        return True
    start = uri.find("?")
    if "%" in uri and (start < 0 or _HIDDEN.search(uri)):
        return True
    if start < 0:
        return False
    return (_known_hints if len(uri) - start <= _LONGEST_REMEMBERED else _has_hints)(uri[start:])


def _has_hints(query: str) -> bool:
    return any(map(query.lower().__contains__, _HINTS))


_LONGEST_REMEMBERED: Final = 256
_known_hints: Final = lru_cache(maxsize=4096)(_has_hints)


def mask_uri(uri: str) -> str:
    """Return a URI with what is secret in it masked; what is not keeps its bytes."""
    begin = _QUERY.search(uri)
    path, mark, query = (uri[:begin.start()], begin[0], uri[begin.end():]) if begin else (uri, "", "")
    is_token_list = "oauthaccesstokens" in path or "oauthauthorizetokens" in path
    path = _masked_path(path)
    pieces = re.split(r"([&;])", query)
    written_names = [piece.partition("=")[0] for piece in pieces[::2]]
    decoded = {written: _decoded_name(written) for written in set(written_names)}
    names = [decoded[written] for written in written_names]
    is_login = any(word in path.lower() for word in _LOGIN_PATHS) or not _LOGIN_PARAMETERS.isdisjoint(names)
    command = Command()
    for place, name in enumerate(names):
        written, equals, value = pieces[2 * place].partition("=")
        if not value:
            continue
        if name == "command":
            masked = _edited(value, command.mask_next)
        elif _names_secret(name) or (is_login and name in _SINGLE_USE):
            masked = MASKED
        elif is_token_list and name == "fieldselector":
            masked = _edited(value, lambda text: _SELECTED_NAME.sub(rf"\g<1>{MASKED}", text))
        elif not _TELLING.search(value):
            continue
        else:
            masked = _edited(value, mask_tokens if name in _SELECTORS else _mask_nested, _NESTED)
        pieces[2 * place] = f"{written}{equals}{masked}"
    return path + mark + "".join(pieces)


def _masked_path(path: str) -> str:
    """Return a path with what is secret in it masked, as the apiserver reads it: decoded once."""
    text = unquote(path.replace("+", "%2B")) if "%" in path else path
    masked = mask_tokens(_BUILD_SECRET.sub(rf"\g<1>{MASKED}", _TOKEN_NAME.sub(rf"\g<1>{MASKED}", text)))
    if masked == text:
        return path
    return masked if text == path else quote(masked, safe="/:@*~")


def _mask_nested(text: str) -> str:
    """Mask the parameters of an address, form or JSON that is a parameter's value."""
    text = mask_tokens(text)
    return replace_spans(text, assigned_values(text, ASSIGNMENT, _ENDS_AS_PARAMETER, VALUE), MASKED)


def _edited(value: str, mask: Callable[[str], str], levels: int = 0) -> str:
    """Return a parameter's value after a function masked it, and exactly as it was when nothing changed.

    ``levels`` is how often what is encoded in it is decoded again to be looked through.
    """
    text = unquote(value)
    masked = mask(text)
    if levels and masked == text and "%" in text:
        masked = _edited(text, mask, levels - 1)
    return value if masked == text else _form_encoded(masked)


def _form_encoded(text: str) -> str:
    """Return a text as a form encodes it, but for asterisks; the library takes twice as long for a megabyte."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1").translate(_ENCODED_BYTES)


def _decoded_name(written: str) -> str:
    """Return a parameter's name in lower case, as a program reads it that decodes once or twice."""
    name = unquote(unquote(written)) if "%" in written else written.replace("+", " ")
    return name.strip(_BLANK).lower()


def _names_secret(name: str) -> bool:
    """Whether a parameter's name, or a name in its brackets, ends in a word for a secret."""
    if "[" not in name:
        return _ENDS_AS_PARAMETER.search(name[-LONGEST_ENDING:]) is not None
    return any(_ENDS_AS_PARAMETER.search(part[-LONGEST_ENDING:]) for part in _BRACKETS.split(name))
