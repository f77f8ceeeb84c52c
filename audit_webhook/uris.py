"""Masks what is secret in a request's URI: tokens among its parameters and in its path, and in the words of an exec.

A URI is all that the audit log tells of the command that somebody ran in a container: each argument is a parameter
``command``, see `command_secrets`. Anybody who reaches an apiserver writes such a URI, of up to a megabyte: no
character is read more than a few times.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote_plus

from audit_webhook.command_secrets import LONGEST_ENDING, MASKED, PARTS, WORDS, Command, mask_tokens
from audit_webhook.events.parameters import unquote

_HINTS: Final = (
    "pass", "pwd", "secret", "token", "key", "command", "sig", "cred", "auth", "jwt", "bearer", "code", "eyj", "://",
    "asserti", "otp", "ticket", "samlresp",
)
_HIDDEN: Final = re.compile(r"%(?:[4-7]|25|3[Aa])")
_ENDS_AS_PARAMETER: Final = re.compile(
    rf"(?:{WORDS}|(?:\A|[_.-])(?:{PARTS}|authorization|signature|sig|assertion|samlresponse|code_verifier))\Z",
    re.I | re.ASCII,
)
_BRACKETS: Final = re.compile(r"[\[\]]")
_TOKEN_NAME: Final = re.compile(r"(/oauth(?:access|authorize)tokens/)(?!sha256~)[^/?]+", re.ASCII)
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
    if "/oauth" in uri or "/webhooks/" in uri or "eyJ" in uri or "@" in uri or not uri.isascii():
        return True
    start = uri.find("?")
    if "%" in uri and (start < 0 or _HIDDEN.search(uri)):
        return True
    return start >= 0 and any(map(uri[start:].lower().__contains__, _HINTS))


def mask_uri(uri: str) -> str:
    """Return a URI with what is secret in it masked; what is not keeps its bytes."""
    path, mark, query = uri.partition("?")
    is_token_list = "/oauthaccesstokens" in path or "/oauthauthorizetokens" in path
    path = mask_tokens(_BUILD_SECRET.sub(rf"\g<1>{MASKED}", _TOKEN_NAME.sub(rf"\g<1>{MASKED}", path)))
    pieces = re.split(r"([&;])", query)
    names = [_decoded_name(piece.partition("=")[0]) for piece in pieces[::2]]
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
        else:
            masked = _edited(value, mask_tokens)
        pieces[2 * place] = f"{written}{equals}{masked}"
    return path + mark + "".join(pieces)


def _edited(value: str, mask: Callable[[str], str]) -> str:
    """Return a parameter's value after a function masked it, and exactly as it was when nothing changed."""
    text = unquote(value)
    masked = mask(text)
    return value if masked == text else quote_plus(masked, safe="*")


def _decoded_name(written: str) -> str:
    """Return a parameter's name in lower case, as a program reads it that decodes once or twice."""
    return unquote(unquote(written)).lower() if "%" in written else written.replace("+", " ").lower()


def _names_secret(name: str) -> bool:
    """Whether a parameter's name, or a name in its brackets, ends in a word for a secret."""
    if "[" not in name:
        return _ENDS_AS_PARAMETER.search(name[-LONGEST_ENDING:]) is not None
    return any(_ENDS_AS_PARAMETER.search(part[-LONGEST_ENDING:]) for part in _BRACKETS.split(name))
