"""Names the program behind a user agent in one short word, such as ``kubectl``, ``helm`` or ``browser``.

A user agent is the client's own word: it tells what a program says it is, never who it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

OLD_KUBECTL: Final = "kubectl<1.18"
LONGEST_PATH: Final = 300
LONGEST_READ: Final = 512
_KNOWN: Final = (
    (re.compile(r"terraform", re.IGNORECASE), "terraform"),
    (re.compile(r"^Mozilla/|AppleWebKit"), "browser"),
    (re.compile(r"^kubectl-dispatcher/"), "kubectl"),
    (re.compile(r"^kube-(apiserver|controller-manager|scheduler)-\d"), ""),
    (re.compile(r"^Go-http-client/"), "go"),
    (re.compile(r"^OpenAPI-Generator/.*python"), "python"),
)
_COMPONENT: Final = re.compile(r"^(kube-(?:apiserver|controller-manager|scheduler))-[\d.]+$")
_FIRST_WORD: Final = re.compile(r"[^/\s(]{1,32}")
_VERSION: Final = re.compile(r"/v?(\d{1,4})\.(\d{1,4})")
_PATH: Final = re.compile(r"[\\/]")
# Release, platform and ending are what people put into the name of the file; any other word makes it a plugin.
_KUBECTL: Final = re.compile(
    r"kubectl(?:[-_.]?v?\d{1,4}(?:\.\d{1,4}){0,3})?(?:[-_.](?:linux|darwin|macos|windows))?"
    r"(?:[-_.](?:amd64|arm64|arm|386|x86_64))?(?:[-_.](?:real|bin|orig))?(?:\.exe)?",
    re.IGNORECASE,
)


def client_of(user_agent: str) -> str:
    """Return the program's short name in lower case; empty when the request named none.

    kubectl is ``kubectl`` by whatever name its file goes: client-go sends the base name of the program, on Windows and
    in old releases its path (client-go rest/config.go, buildUserAgent). A plugin keeps its own name. Only the beginning
    counts: an agent may be a megabyte long, and what is remembered of it must not be.
    """
    return _client_of(user_agent[:LONGEST_READ])


@lru_cache(maxsize=4096)
def _client_of(user_agent: str) -> str:
    if _is_kubectl(user_agent):
        return "kubectl"
    for pattern, name in _KNOWN:
        if name and pattern.search(user_agent):
            return name
    word = _FIRST_WORD.search(user_agent)
    if word is None:
        return ""
    component = _COMPONENT.match(word.group())
    return (component.group(1) if component else word.group()).lower()


def _is_kubectl(user_agent: str) -> bool:
    version = _VERSION.search(user_agent, 0, LONGEST_PATH)
    program = user_agent[: version.start()] if version else user_agent[:LONGEST_PATH].partition("/")[0]
    return _KUBECTL.fullmatch(_PATH.split(program)[-1]) is not None


def kubectl_version(user_agent: str) -> tuple[int, int] | None:
    """Return major and minor version of a kubectl; None when it is another program or names no version."""
    return _kubectl_version(user_agent[:LONGEST_READ])


@lru_cache(maxsize=4096)
def _kubectl_version(user_agent: str) -> tuple[int, int] | None:
    version = _VERSION.search(user_agent, 0, LONGEST_PATH)
    if version is None or not _is_kubectl(user_agent):
        return None
    return int(version[1]), int(version[2])


def program_of(user_agent: str) -> str:
    """Return the client, or `OLD_KUBECTL` for a kubectl whose commands named no field manager yet (before 1.18)."""
    version = kubectl_version(user_agent)
    return OLD_KUBECTL if version is not None and (0, 0) < version < (1, 18) else client_of(user_agent)
