"""Masks what is secret in a request's URI: tokens among its parameters, and those in the arguments of an exec.

A URI is all that the audit log tells of the command that somebody ran in a container: each argument is a parameter
``command``. What is secret in one is known by the words around it; a password that stands alone is not recognised.

Anybody who reaches an apiserver writes such a URI, of up to a megabyte. Every pattern here therefore begins where no
other attempt of it can begin, and takes what it repeats for good (``++``): no character is read more than a few times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote_plus

from audit_webhook.span_edits import Span, assigned_values, replace_spans

MASKED: Final = "***"
_WORDS: Final = "passwords?|passwd|passphrase|pwd|secrets?|tokens?|api[_-]?keys?|access[_-]?keys?|private[_-]?keys?"
_TELLTALE: Final = re.compile(rf"{_WORDS}|command=|signature|\bsig=|credential|authorization|oauth", re.I)
_HINTS: Final = ("pass", "pwd", "secret", "token", "key", "command=", "sig", "credential", "auth")
_WORD: Final = re.compile(_WORDS, re.I | re.ASCII)
_HINT: Final = re.compile(rf"{_WORDS}|bearer|basic|://|sshpass|mysql|mariadb|curl|redis-cli", re.I | re.ASCII)
_ESCAPED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_LONGEST_ENDING: Final = 32  # longer than any of the words
_ENDS_IN_WORD: Final = re.compile(rf"(?:{_WORDS})\Z", re.I | re.ASCII)
_ENDS_AS_PARAMETER: Final = re.compile(
    rf"(?:{_WORDS}|(?:\A|[_.-])(?:signature|sig|credentials?|authorization))\Z", re.I | re.ASCII
)
_FLAG: Final = re.compile(r"--?[\w-]++", re.ASCII)
_ASSIGNMENT: Final = re.compile(r"(?<![\w.-])([\w.-]++)[\"']?\s{0,8}+[=:]\s{0,8}+", re.ASCII)
_FLAG_BEFORE: Final = re.compile(r"(?<![\w-])(\w*+-[\w-]*+)\s{1,8}+(?!-)", re.ASCII)
_VALUE: Final = re.compile(r""""[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s"'&;|]++""", re.ASCII)
_PATTERNS: Final = (
    re.compile(r"((?:bearer|basic)\s{1,8}+)([\w.~+/=-]{8,}+)", re.I | re.ASCII),
    re.compile(r"(://[^/\s:@]*+:)([^@\s/]++(?=@))", re.ASCII),
    re.compile(r"(\bsshpass\s{1,8}+-p\s{0,8}+)(\S++)", re.ASCII),
)
_MYSQL: Final = frozenset({"mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump"})
# In a script: where a command ends, a program that takes a password behind a flag, and such a flag.
_SCRIPT: Final = re.compile(
    r"[|;&]|\b(?:mysql(?:dump|admin)?|mariadb(?:-dump)?|curl|redis-cli)\b|(?<=\s)-(?:p|a|u|-user)", re.ASCII
)
_FARTHEST: Final = 256  # from a program to its flag
_PASSWORD: Final = re.compile(r"\S++", re.ASCII)
_ATTACHED: Final = (("-p",), re.compile(r"(?=\S)", re.ASCII))
_GIVEN: Final = {
    "curl": (("-u", "--user"), re.compile(r"[\s=][^:\s]*+:(?=\S)", re.ASCII)),
    "redis-cli": (("-a",), re.compile(r"\s{0,8}+(?=\S)", re.ASCII)),
    **dict.fromkeys(_MYSQL, _ATTACHED),
}
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
    """Return a URI with what is secret in it masked."""
    path, mark, query = uri.partition("?")
    path = _TOKEN_NAME.sub(rf"\g<1>{MASKED}", path)
    pieces = re.split(r"([&;])", query)
    command = _Command()
    for place in range(0, len(pieces), 2):
        name, _, value = pieces[place].partition("=")
        if not value:
            continue
        if name == "command":
            pieces[place] = command.mask_next(value)
        elif _names_secret(name):
            pieces[place] = f"{name}={MASKED}"
    return path + mark + "".join(pieces)


def _names_secret(name: str) -> bool:
    """Whether a parameter's name ends in a word for a secret."""
    return _ENDS_AS_PARAMETER.search(_unquote(name)[-_LONGEST_ENDING:]) is not None


def _unquote(text: str) -> str:
    """Undo the percent-encoding of a form; the library takes ten times as long for signs that encode nothing."""
    if "%" not in text:
        return text.replace("+", " ")
    encoded = text.replace("+", " ").encode("utf-8", "replace")
    return _ESCAPED.sub(lambda found: bytes((int(found[1], 16),)), encoded).decode("utf-8", "replace")


class _Command:
    """The arguments of an exec, read one after the other: what one means depends on those before it."""

    def __init__(self) -> None:
        self._program: str | None = None
        self._is_value = False  # of the flag before it
        self._is_any_value = False  # whatever it looks like

    def mask_next(self, value: str) -> str:
        """Return the parameter with the next argument masked, and exactly as it was when nothing in it is secret."""
        argument = _unquote(value)
        masked = self._mask(argument)
        if self._program is None:
            self._program = argument.rpartition("/")[2]
        self._is_any_value = argument in _FOLLOWING.get(self._program, ())
        self._is_value = _FLAG.fullmatch(argument) is not None and _is_secret_flag(argument)
        return f"command={value}" if masked == argument else f"command={quote_plus(masked, safe='*')}"

    def _mask(self, argument: str) -> str:
        """Mask an argument by the one before it, the program's name, and the words that it holds."""
        if self._is_any_value or (self._is_value and not argument.startswith("-")):
            return MASKED
        if self._program in _MYSQL and argument.startswith("-p") and len(argument) > 2:
            return f"-p{MASKED}"
        return _mask_words(argument)


def _is_secret_flag(flag: str) -> bool:
    """Whether a flag ends in a word for a secret, with its dash before the word."""
    found = _ENDS_IN_WORD.search(flag[-_LONGEST_ENDING:])
    return found is not None and "-" in flag[:max(0, len(flag) - _LONGEST_ENDING) + found.start()]


def _mask_words(argument: str) -> str:
    """Mask what the words within an argument give away."""
    if not _HINT.search(argument):
        return argument
    if _WORD.search(argument):
        argument = replace_spans(argument, assigned_values(argument, _ASSIGNMENT, _WORD, _VALUE), MASKED)
        argument = replace_spans(argument, _values_after_flags(argument), MASKED)
    for pattern in _PATTERNS:
        argument = pattern.sub(rf"\g<1>{MASKED}", argument)
    return replace_spans(argument, _passwords_in_script(argument), MASKED)


def _values_after_flags(text: str) -> Iterator[Span]:
    """Find the values that follow a flag such as ``--token`` within one text."""
    done = 0
    for found in _FLAG_BEFORE.finditer(text):
        if found.start() >= done and _is_secret_flag(found[1]) and (value := _VALUE.match(text, found.end())):
            yield value.span()
            done = value.end()


def _passwords_in_script(text: str) -> Iterator[Span]:
    """Find the passwords behind the short flags of the programs in a script."""
    program, since, done = "", 0, 0
    for found in _SCRIPT.finditer(text):
        word = found[0]
        if found.start() < done:
            continue
        if not word.startswith("-"):
            program, since = word, found.end()
        elif program in _GIVEN and found.start() - since <= _FARTHEST:
            flags, lead = _GIVEN[program]
            before = lead.match(text, found.end()) if word in flags else None
            if before and (value := _PASSWORD.match(text, before.end())):
                yield value.span()
                program, done = "", value.end()
