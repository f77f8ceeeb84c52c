"""Masks what is secret in the arguments of a command that somebody ran in a container, by the words around it.

A password that stands alone is not recognised. Anybody writes such arguments, of up to a megabyte, so every pattern
begins where no other attempt of it can begin, and takes what it repeats for good (``++``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from audit_webhook.events.redaction.text_edits import Span, assigned_values, replace_second_group, replace_spans

MASKED: Final = "***"
WORDS: Final = (
    "pass[_-]?words?|passwd|passphrase|passcode|pwd|secrets?|tokens?|(?:api|access|private)[_-]?keys?|jwt|"
    "secret[_-]?id|(?:db|user|root|admin|store|key|require)pass|masterauth"
)
PARTS: Final = "pass|auth|bearer|creds?|credentials?|otp"
"""Words that count for a secret only where they are a whole part of a name, as in ``DB_PASS``."""
_HINTS: Final = ("pass", "pwd", "secret", "token", "key", "jwt", "auth", "bearer", "cred", "otp")
"""One of these is in each of the words and parts, and so in every name that tells of a secret."""
LONGEST_ENDING: Final = 48  # longer than any of the words
_WORD: Final = re.compile(rf"{WORDS}|(?:\A|[_.-])(?:{PARTS})\Z|\Ax-auth", re.I | re.ASCII)
_ENDS_IN_WORD: Final = re.compile(rf"(?:{WORDS})\Z|(?<=-)(?:{PARTS})\Z", re.I | re.ASCII)
_FLAG: Final = re.compile(r"--?[\w-]++", re.ASCII)
ASSIGNMENT: Final = re.compile(r"(?<![\w.-])([\w.-]{2,}+)(?:\\{0,8}+[\"'])?+\s{0,8}+[=:]\s{0,8}+", re.ASCII)
_FLAG_BEFORE: Final = re.compile(r"(?<![\w-])(\w*+-[\w-]*+)(?:\s|\\\n){1,8}+(?!-)", re.ASCII)
# A shell joins what stands together: "a"'b'c\\ d is one word. After a quote, what goes on with JSON is none of it.
VALUE: Final = re.compile(
    r"""(?:[^\s"'&;|\\,:})\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\\Z|\Z)|'[^']*+(?:'|\Z)|"""
    r"""(?<!["'])[,:})\]]++|\\.|\\\Z){1,256}""",
    re.ASCII | re.DOTALL,
)
_CREDENTIALS: Final = re.compile(r"(://[^/\s:@]*+:)([^@\s/]++(?=@))", re.ASCII)
# What stands alone before the host of an address of the web is a token, as git takes it.
_TOKEN_AS_USER: Final = re.compile(r"(\bhttps?://)([^/\s:@?#]++)(?=@|:@|:x-oauth-basic@)", re.I | re.ASCII)
_IN_QUERY: Final = re.compile(
    r"((?<![^?&;])(?:key|session|sas|sig|signature)=)([^&;\s\"'#]++)", re.I | re.ASCII
)
_PATTERNS: Final = (
    (("://",), _TOKEN_AS_USER),
    (("key=", "session=", "sas=", "sig=", "signature="), _IN_QUERY),
    (("sqlplus", "sqlldr", "rman", "expdp", "impdp"),
     re.compile(r"(\b(?:sqlplus|sqlldr|rman|expdp|impdp)\s{1,8}+(?:-\w{1,16}+\s{1,8}+){0,4}"
                r"(?:(?:target|userid)[\s=]{1,4}+)?[^\s/@|;&]{1,128}+/)([^\s@|;&]++)", re.I | re.ASCII)),
    (("mc",),
     re.compile(r"(\bmc(?:li)?\s{1,8}+(?:--?[\w-]{1,32}+\s{1,8}+){0,4}"
                r"(?:alias\s{1,8}+set|config\s{1,8}+host\s{1,8}+add)\s{1,8}+\S{1,128}+"
                r"\s{1,8}+\S{1,512}+\s{1,8}+\S{1,256}+\s{1,8}+)([^\s|;&]++)", re.ASCII)),
    (("bearer", "basic"),
     re.compile(r"((?:bearer|basic)\s{1,8}+)([\w.~+/=-]{8,}+)", re.I | re.ASCII)),
    (("authorization",),
     re.compile(r"(\bauthorization\s{0,8}+:\s{0,8}+(?:[\w-]{1,32}+\s{1,8}+)?+)([^\s\"']++)", re.I | re.ASCII)),
    (("://",), _CREDENTIALS),
    (("sshpass",),
     re.compile(r"(\bsshpass\s{1,8}+-p\s{0,8}+)(\S++)", re.ASCII)),
    (("pass:",),
     re.compile(r"((?<![\w-])pass:)(\S++)", re.ASCII)),
    (("echo", "printf"),
     re.compile(r"(\b(?:echo|printf)\s{1,8}+(?:-\w{1,3}+\s{1,8}+)?+)"
                r"((?:'[^']{1,256}+'|\"[^\"]{1,256}+\")\s{0,8}+|[^|;&]{1,256}+)"
                r"(?=\|\s{0,8}+(?:sudo\s{1,8}+(?:-S\b)?+\s{0,8}+)?+"
                r"(?:(?<=-S)|(?<=-S )|(?:passwd|chpasswd|docker|podman|helm|cryptsetup|oc|su)\b))", re.ASCII)),
    (("identified", "password"),
     re.compile(r"(\b(?:identified\s{1,8}+(?:with\s{1,8}+\S{1,64}+\s{1,8}+)?+(?:by|as)|password)(?:\s{1,8}+password)?+"
                r"[\s(]{1,8}+)"
                r"('[^'\\]*+(?:(?:\\.|'')[^'\\]*+){0,64}'?|\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"?|"
                r"\\[\"'][^\\]*+|\$\w{0,16}+\$[^$]*+)",
                re.I | re.ASCII | re.DOTALL)),
    (("add_user", "change_password"),
     re.compile(r"(\b(?:add_user|change_password)\s{1,8}+\S{1,128}+\s{1,8}+)(\S++)", re.ASCII)),
    (("redis-cli",),
     re.compile(r"(\bredis-cli\s[^|;&]{0,96}?\bauth\s{1,8}+)([^|;&]++)", re.I | re.ASCII)),
    (("vault",),
     re.compile(r"(\bvault\s{1,8}+login\s{1,8}+)([^\s-]\S*+)", re.ASCII)),
    (("set",),
     re.compile(rf"(\bset\s{{1,8}}+(?:\w{{1,32}}[_.-])?(?:{WORDS})\s{{1,8}}+)(\S++)", re.I | re.ASCII)),
    (("htpasswd",),
     re.compile(r"(\bhtpasswd\s{1,8}+(?:-\w{1,8}+\s{1,8}+){0,4}?-\w{0,8}?b\w{0,8}+\s{1,8}+"
                r"(?:[^\s|;&]{1,256}+\s{1,8}+){1,6}?)([^\s|;&]{1,256}+)(?=\s{0,8}+(?:[|;&]|\Z))", re.ASCII)),
)
_JWT: Final = re.compile(r"(?<![\w-])eyJ[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*+", re.ASCII)

_TELLING: Final = re.compile(r"[\s=:]|eyJ")  # one of these is in whatever any pattern here finds

_MYSQL: Final = frozenset({
    "mysql", "mysqldump", "mysqladmin", "mysqlimport", "mariadb", "mariadb-dump", "mariadb-admin",
})
_LDAP: Final = frozenset({"ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami", "ldappasswd"})
_ORACLE: Final = frozenset({"sqlplus", "sqlldr", "rman", "expdp", "impdp"})
_ORACLE_LOGIN: Final = re.compile(r"(\A(?:userid=)?[^\s/@-][^\s/@]*+/)([^\s@]++)", re.I | re.ASCII)
_MINIO_CLIENTS: Final = frozenset({"mc", "mcli"})
_SECRET_AFTER: Final = {("alias", "set"): 5, ("config", "host", "add"): 6}
"""How many arguments of MinIO's client, from these on, come before the secret key."""
_MONGO: Final = frozenset({"mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport"})
_LOGIN_TOOLS: Final = frozenset({
    "docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "oras", "crane", "regctl", "oc", "az",
})
_LOGIN: Final = "login"
FOLLOWING: Final[dict[str, tuple[str, ...]]] = {
    "redis-cli": ("-a",), "sshpass": ("-p",), "curl": ("-u", "--user", "-U", "--proxy-user"), _LOGIN: ("-p",),
    "sqlcmd": ("-P",), "bcp": ("-P",), "zip": ("-P",), "unzip": ("-P",), "openssl": ("-k", "-K"), "cqlsh": ("-p",),
    "influx": ("-p",), "etcdctl": ("--user",), "ipmitool": ("-P",), "kadmin": ("-w",), "useradd": ("-p",),
    "usermod": ("-p",), "smbclient": ("-U",), "snmpget": ("-A", "-X"), "snmpwalk": ("-A", "-X"),
    **dict.fromkeys(_LDAP, ("-w",)), **dict.fromkeys(_MONGO, ("-p",)),
}
"""The flags of a program after which a password comes, as the next argument or attached."""
_ATTACHED: Final = {
    **dict.fromkeys(_MYSQL, "-p"), **dict.fromkeys(_LDAP, "-w"), "redis-cli": "-a", "curl": "-u",
    _LOGIN: "-p", "sshpass": "-p", "sqlcmd": "-P", "bcp": "-P", "zip": "-P", "unzip": "-P", "7z": "-p",
    **dict.fromkeys(_MONGO, "-p"),
}
_KNOWN: Final = FOLLOWING.keys() | _MYSQL | _LOGIN_TOOLS | {"htpasswd", "vault", "7z"}
_KNOWN_IN_ARGUMENTS: Final = _KNOWN | _ORACLE | _MINIO_CLIENTS
_PROGRAM_NAMES: Final[dict[str, list[str]]] = {}
"""What follows a first letter in the names of programs; the longest come first."""
for _name in (*sorted(sorted(_KNOWN - {_LOGIN}), key=len, reverse=True), _LOGIN):
    _PROGRAM_NAMES.setdefault(_name[0], []).append(re.escape(_name[1:]))
# In a script: where a command ends, a program that takes a password behind a flag, and such a flag. Each begins with
# a letter and looks back from behind it, as the search then steps over all other letters at once.
_SCRIPT: Final = re.compile("|".join((
    r"\||;|&",
    *(rf"{letter}(?<![\w-].)(?:{'|'.join(names)})(?![\w-])" for letter, names in _PROGRAM_NAMES.items()),
    r"-(?<=\s.)(?:[sSkLfvigGI]{1,6}u(?=\s)|p|a|u|U|w|P|k|K|A|X|-user|-proxy-user)",
)), re.ASCII)
_SETTING_USERS: Final = frozenset({"add_user", "change_password"})
_ENDS_IN_NAME: Final = re.compile(rf"(?:{WORDS})\Z", re.I | re.ASCII)
_CURL_USER: Final = re.compile(r"-[sSkLfvigGI]{1,6}u")
_FARTHEST: Final = 256  # from a program to its flag
# What lies between a flag and the password, and the password.
_ADJACENT: Final = re.compile(r"(\S++)", re.ASCII)
_APART: Final = re.compile(r"[\s=]\s{0,8}+(\S++)", re.ASCII)
_APART_OR_NOT: Final = re.compile(r"[\s=]{0,8}+(\S++)", re.ASCII)
_AFTER_NAME: Final = re.compile(r"[\s=]?+[^:\s]*+:(\S++)", re.ASCII)


class Command:
    """The arguments of a command, read one after the other: what one means depends on those before it."""

    def __init__(self) -> None:
        """Start before the first argument."""
        self._program = ""
        self._tool = ""
        self._is_value = False  # of the flag before it
        self._is_any_value = False  # whatever it looks like
        self._positional = 0
        self._flags: set[str] = set()
        self._verbs: tuple[str, ...] = ()
        self._last = self._last_but_one = ""

    def mask_next(self, argument: str) -> str:
        """Return the next argument with what is secret in it masked."""
        masked = self._mask(argument)
        name = argument.rpartition("/")[2] if "/" in argument else argument
        if name in _LOGIN_TOOLS:
            self._tool = name
        if name in _KNOWN_IN_ARGUMENTS and (name != _LOGIN or self._tool):
            self._program, self._positional, self._flags, self._verbs = name, 0, set(), ()
        elif argument.startswith("-"):
            self._flags.update(argument[1:9])
        else:
            self._positional += 1
            self._verbs = (*self._verbs, argument)[:3]
        flags = FOLLOWING.get(self._program)
        self._is_any_value = flags is not None and _flag_of(self._program, argument) in flags
        self._last, self._last_but_one = argument.lower(), self._last
        self._is_value = argument.startswith("-") and _FLAG.fullmatch(argument) is not None and _is_secret(argument)
        return masked

    def _mask(self, argument: str) -> str:
        """Mask an argument by the one before it, the program's name, and the words that it holds."""
        is_flag = argument.startswith("-")
        if self._is_any_value or (not is_flag and (self._is_value or self._follows_words())) or (
            self._is_new_password(argument) or self._is_minio_secret()
        ):
            return mask_text(argument) if argument.startswith("pass:") else MASKED
        if self._program in _ORACLE and _ORACLE_LOGIN.match(argument):
            return _ORACLE_LOGIN.sub(rf"\g<1>{MASKED}", argument)
        flag = _ATTACHED.get(self._program)
        if flag and argument.startswith(flag) and len(argument) > len(flag):
            return f"{flag}{MASKED}"
        name, equals, value = argument.partition("=")
        if equals and value and name in FOLLOWING.get(self._program, ()):
            return f"{name}={MASKED}"
        return mask_text(argument)

    def _follows_words(self) -> bool:
        """Whether the two arguments before say that a password comes: `set NAME`, `add_user NAME`, `auth`."""
        last, before = self._last, self._last_but_one
        return (
            before in _SETTING_USERS or (before == "set" and _ENDS_IN_NAME.search(last[-LONGEST_ENDING:]) is not None)
            or (self._program == "redis-cli" and "auth" in (last, before))
            or (self._tool == "" and self._program == "vault" and last == "login")
        )

    def _is_new_password(self, argument: str) -> bool:
        """Whether this is what ``htpasswd -b FILE NAME PASSWORD`` sets; with ``-n`` there is no file."""
        if self._program != "htpasswd" or "b" not in self._flags or argument.startswith("-"):
            return False
        return self._positional >= (1 if "n" in self._flags else 2)

    def _is_minio_secret(self) -> bool:
        """Whether this is the secret key in ``mc alias set NAME ADDRESS ACCESS-KEY SECRET-KEY``."""
        return self._program in _MINIO_CLIENTS and any(
            self._verbs[:len(verbs)] == verbs and self._positional == count for verbs, count in _SECRET_AFTER.items()
        )


def mask_text(argument: str) -> str:
    """Mask what the words within a text give away."""
    if not _TELLING.search(argument):
        return argument
    folded = argument.lower()
    if any(map(folded.__contains__, _HINTS)):
        argument = replace_spans(argument, assigned_values(argument, ASSIGNMENT, _WORD, VALUE), MASKED)
        argument = replace_spans(argument, _values_after_flags(argument), MASKED)
    for words, pattern in _PATTERNS:
        if any(map(folded.__contains__, words)):
            argument = replace_second_group(argument, pattern, MASKED)
    argument = _JWT.sub(MASKED, argument)
    return replace_spans(argument, _passwords_in_script(argument), MASKED)


def mask_tokens(text: str) -> str:
    """Mask signed tokens, and passwords in addresses, wherever they stand in a text."""
    for pattern in (_CREDENTIALS, _TOKEN_AS_USER, _IN_QUERY):
        text = replace_second_group(text, pattern, MASKED)
    return _JWT.sub(MASKED, text)


def _flag_of(program: str, argument: str) -> str:
    """Return the flag that an argument ends in: curl's ``-u`` may stand behind others, as in ``-su``."""
    return "-u" if program == "curl" and _CURL_USER.fullmatch(argument) else argument


def _is_secret(flag: str) -> bool:
    """Whether a flag ends in a word for a secret, with its dash before the word."""
    return (_ends_in_known_word if len(flag) <= LONGEST_ENDING else _ends_in_word)(flag)


def _ends_in_word(flag: str) -> bool:
    found = _ENDS_IN_WORD.search(flag[-LONGEST_ENDING:])
    return found is not None and "-" in flag[:max(0, len(flag) - LONGEST_ENDING) + found.start()]


_ends_in_known_word: Final = lru_cache(maxsize=1024)(_ends_in_word)


def _values_after_flags(text: str) -> Iterator[Span]:
    """Find the values that follow a flag such as ``--token`` within one text."""
    done = 0
    for found in _FLAG_BEFORE.finditer(text):
        if found.start() >= done and _is_secret(found[1]) and (value := VALUE.match(text, found.end())):
            yield value.span()
            done = value.end()


def _passwords_in_script(text: str) -> Iterator[Span]:
    """Find the passwords behind the short flags of the programs in a script."""
    program, tool, since, done = "", "", 0, 0
    for found in _SCRIPT.finditer(text):
        start, end = found.span()
        if start < done:
            continue
        word = found[0]
        if word[0] != "-":
            tool = word if word in _LOGIN_TOOLS else tool if word == _LOGIN else ""
            program, since = program if word == _LOGIN and not tool else word, end
        elif start - since <= _FARTHEST and (lead := _lead_to_password(program, word)) and (
            value := lead.match(text, end)
        ):
            yield value.span(1)
            done = since = value.end()


@lru_cache(maxsize=1024)
def _lead_to_password(program: str, flag: str) -> re.Pattern[str] | None:
    """Return how the password of a program stands behind a flag; None when none follows that flag."""
    flag = _flag_of(program, flag)
    if program in _MYSQL:
        return _ADJACENT if flag == "-p" else None
    if flag not in FOLLOWING.get(program, ()):
        return None
    if program == "curl":
        return _AFTER_NAME
    return _APART_OR_NOT if program in _ATTACHED else _APART
