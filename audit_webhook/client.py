"""Names the program behind a user agent in one short word, such as ``kubectl``, ``helm`` or ``browser``.

A user agent is the client's own word: it tells what a program says it is, never who it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

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


@lru_cache(maxsize=4096)
def client_of(user_agent: str) -> str:
    """Give the program's short name in lower case; empty when the request named none."""
    for pattern, name in _KNOWN:
        if name and pattern.search(user_agent):
            return name
    word = _FIRST_WORD.search(user_agent)
    if word is None:
        return ""
    component = _COMPONENT.match(word.group())
    return (component.group(1) if component else word.group()).lower()
