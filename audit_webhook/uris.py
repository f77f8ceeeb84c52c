"""Masks what is secret in a request's URI: tokens among its parameters, and those in the arguments of an exec.

A URI is all that the audit log tells of the command that somebody ran in a container: each argument is a parameter
``command``. What is secret in one is known by the words around it; a password that stands alone is not recognised.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote_plus, unquote_plus

MASKED: Final = "***"
_WORDS: Final = "passwords?|passwd|passphrase|pwd|secrets?|tokens?|api[_-]?keys?|access[_-]?keys?|private[_-]?keys?"
_VALUE: Final = r"""("[^"]*"|'[^']*'|[^\s"'&;|]+)"""
_TELLTALE: Final = re.compile(rf"{_WORDS}|command=|signature|\bsig=|credential|authorization|oauth", re.I)
_HINTS: Final = ("pass", "pwd", "secret", "token", "key", "command=", "sig", "credential", "auth")
_PARAMETER: Final = re.compile(
    rf"(?:^|[_.-])(?:\w*(?:{_WORDS})|signature|sig|credentials?|authorization)$", re.I | re.ASCII
)
_FLAG: Final = re.compile(rf"--?[\w-]{{0,64}}(?:{_WORDS})", re.I | re.ASCII)
_PATTERNS: Final = (
    re.compile(rf"((?:{_WORDS})[\w.-]{{0,64}}[\"']?\s{{0,8}}[=:]\s{{0,8}}){_VALUE}", re.I | re.ASCII),
    re.compile(rf"(--?[\w-]{{0,64}}(?:{_WORDS})\s{{1,8}}(?!-)){_VALUE}", re.I | re.ASCII),
    re.compile(r"((?:bearer|basic)\s{1,8})([\w.~+/=-]{8,})", re.I | re.ASCII),
    re.compile(r"(://[^/\s:@]{0,256}:)([^@\s/]{1,256}(?=@))", re.ASCII),
    re.compile(r"(\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b[^|;&]{0,256}?\s-p)([^\s]+)", re.ASCII),
    re.compile(r"(\bcurl\b[^|;&]{0,256}?\s(?:-u|--user)[\s=][^:\s]{0,256}:)(\S+)", re.ASCII),
    re.compile(r"(\b(?:redis-cli\b[^|;&]{0,256}?\s-a|sshpass\s{1,8}-p)\s{0,8})(\S+)", re.ASCII),
)
_ATTACHED: Final = re.compile(r"(?:.*/)?(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)", re.ASCII)
_FOLLOWING: Final = {"redis-cli": ("-a",), "sshpass": ("-p",), "curl": ("-u", "--user")}
_TOKEN_NAME: Final = re.compile(r"(/oauth(?:access|authorize)tokens/)(?!sha256~)[^/?]+", re.ASCII)


def may_hold_token(uri: str) -> bool:
    """Tell by a quick look whether `mask_uri` may find something."""
    query = uri.find("?")
    return (query >= 0 and _may_tell(uri[query:])) or ("/oauth" in uri and _TOKEN_NAME.search(uri) is not None)


def _may_tell(query: str) -> bool:
    """Look for parts of the telltale words first: that takes a fraction of the search for the words."""
    folded = query.lower()
    hinted = not query.isascii() or any(map(folded.__contains__, _HINTS))
    return hinted and _TELLTALE.search(query) is not None


def mask_uri(uri: str) -> str:
    """Give a URI with what is secret in it masked."""
    path, mark, query = uri.partition("?")
    path = _TOKEN_NAME.sub(rf"\g<1>{MASKED}", path)
    pieces = re.split(r"([&;])", query)
    before = ""
    program = ""
    for place in range(0, len(pieces), 2):
        name, equals, value = pieces[place].partition("=")
        if _PARAMETER.search(unquote_plus(name)) and value:
            pieces[place] = f"{name}{equals}{MASKED}"
        elif name == "command":
            argument = unquote_plus(value)
            masked = _mask_argument(argument, before, program)
            program = program or argument
            before = argument
            if masked != argument:
                pieces[place] = f"command={quote_plus(masked, safe='*')}"
    return path + mark + "".join(pieces)


def _mask_argument(argument: str, before: str, program: str) -> str:
    """Mask one argument of a command by the one before it, the program's name, and the words that it holds."""
    name = program.rpartition("/")[2]
    if (_FLAG.fullmatch(before) and not argument.startswith("-")) or before in _FOLLOWING.get(name, ()):
        return MASKED
    if _ATTACHED.fullmatch(program) and re.match(r"-p.", argument):
        return f"-p{MASKED}"
    for pattern in _PATTERNS:
        argument = pattern.sub(_masked, argument)
    return argument


def _masked(found: re.Match[str]) -> str:
    """Keep what led to the value, and its quotes."""
    quote = found[2][0] if found[2][0] in "\"'" else ""
    return f"{found[1]}{quote}{MASKED}{quote}"
