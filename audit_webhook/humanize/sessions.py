"""Sessions with running things, told from the parameters in the URI: exec, attach, port-forward, log and proxy."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Final, NamedTuple

from audit_webhook.events.event import Event
from audit_webhook.humanize.objects import one_object
from audit_webhook.humanize.request import is_set, parameter, parameters_of, proxied_path
from audit_webhook.humanize.text import Part, visible, visible_name

LONGEST_COMMAND: Final = 80
_SHELLS: Final = frozenset({
    "sh", "bash", "ash", "zsh", "dash", "ksh", "mksh", "csh", "tcsh", "fish", "powershell", "pwsh", "cmd",
})
_SCRIPT: Final = re.compile(r"-[a-z]*c")
_EXECUTABLE: Final = re.compile(r"\.exe\Z", re.IGNORECASE)
# Consoles look for the best shell that there is: sh -c "clear; (bash || ash || sh)", and set up its terminal before. A
# script with any word beside these does something else as well, and is shown.
_BETWEEN: Final = re.compile(r"[\s;|&()]+")
_SEARCH: Final = frozenset(
    "clear exec command -v which type [ -x -e -f ] test if then else elif fi -i -l -il --login -q -c script export TERM"
    " LANG env > 1 2> >/dev/null 2>/dev/null 1>/dev/null 2>1 /dev/null".split()
)
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=(?:[\w./:@%+,-]*|\"[\w./:@%+,-]*\"|'[\w./:@%+,-]*')", re.ASCII)
_METHODS: Final = {
    "create": "POST ", "update": "PUT ", "patch": "PATCH ", "delete": "DELETE ", "deletecollection": "DELETE ",
}
_UNPACK: Final = re.compile(r"-?(?=[a-z]*+\Z)(?=[^x]*+x)[a-z]*f")
_RESUMED_COPY: Final = re.compile(r"tar cf - (?:'([^']+)'|([\w./-]+)) \| tail -c\+\d+")
_SPECIAL: Final = frozenset('"$`\\!')


class Phrase(NamedTuple):
    """``deleted`` / ``delete``, what follows it, and what is only said when it happened."""

    past: str
    infinitive: str
    rest: tuple[Part, ...] = ()
    ending: str = ""


def command_words(event: Event) -> list[str]:
    """Give the command line of an exec, as its URI has it."""
    return parameters_of(event).get("command", [])


def is_shell(event: Event) -> bool:
    """Whether an exec let somebody type commands into a shell."""
    words = _without_env(command_words(event)) if event.subresource == "exec" else []
    if not words or not _is_shell_name(words[0]) or not (is_set(event, "stdin") or is_set(event, "tty")):
        return False
    *options, last = words[1:] or [""]
    are_options = all(word.startswith("-") for word in options)
    if options and are_options and any(map(_SCRIPT.fullmatch, options)):
        return is_set(event, "tty") and _looks_for_shell(last)
    return are_options and (not last or last.startswith("-")) and not any(map(_SCRIPT.fullmatch, words[1:]))


def _without_env(words: Sequence[str]) -> list[str]:
    """Return a command without the program `env` before it and what that sets."""
    rest = list(words)
    if rest and _program(rest[0]) == "env":
        del rest[0]
        while rest and (_ASSIGNMENT.fullmatch(rest[0]) or rest[0] in ("-i", "-")):
            del rest[0]
    return rest


def _looks_for_shell(script: str) -> bool:
    """Return whether a script does nothing but set up a terminal and start a shell."""
    words = [
        word.strip("\"'") for word in _BETWEEN.split(script)
        if word and word not in _SEARCH and not _ASSIGNMENT.fullmatch(word)
    ]
    return bool(words) and all(_is_shell_name(word) or _program(word) == "script" for word in words)


def _is_shell_name(word: str) -> bool:
    return _program(word) in _SHELLS


def _program(word: str) -> str:
    """Return the name of a program without its folder, on Windows too."""
    return _EXECUTABLE.sub("", word.replace("\\", "/").rsplit("/", 1)[-1]).lower()


def tell_exec(event: Event) -> Phrase:
    """Tell of a command in a container: a shell, a copy of files, or what was run."""
    words, pod, ending = command_words(event), _pod(event), _ending(event)
    if is_shell(event):
        return Phrase("opened a shell in", "open a shell in", pod, ending)
    if not words:
        return Phrase("ran a command in", "run a command in", pod, ending)
    if copied := _copied(words, is_set(event, "stdin")):
        return Phrase(f"copied {copied}", f"copy {copied}", pod, ending)
    line = visible(" ".join(map(_quoted, words)), LONGEST_COMMAND)
    return Phrase(f"ran “{line}” in", f"run “{line}” in", pod, ending)


def takes_files(event: Event) -> bool:
    """Whether an exec copied files out of a container."""
    words = command_words(event) if event.subresource == "exec" else []
    return bool(words) and _copied_out(words) != ""


def _quoted(word: str) -> str:
    """Quote a word as a person would: in double quotes when it has single ones and nothing that a shell would read."""
    return f'"{word}"' if "'" in word and _SPECIAL.isdisjoint(word) else shlex.quote(word)


def _copied(words: Sequence[str], has_input: bool) -> str:
    """Say what tar copies when it reads or writes a stream, which is how ``kubectl cp`` works; else empty."""
    if path := _copied_out(words):
        return f"{visible_name(path)} out of"
    if words[0] != "tar" or not has_input or "-" not in words or not any(map(_UNPACK.fullmatch, words)):
        return ""
    return f"files into {visible_name(words[-1])} of" if words[-2] == "-C" and words[-1] else "files into"


def _copied_out(words: Sequence[str]) -> str:
    if len(words) == 4 and words[0] == "tar" and words[1].lstrip("-") == "cf" and words[2] == "-":
        return words[3]
    resumed = _RESUMED_COPY.fullmatch(words[2]) if len(words) == 3 and words[:2] == ["sh", "-c"] else None
    return (resumed[1] or resumed[2]) if resumed else ""


def tell_attach(event: Event) -> Phrase:
    """Tell of an attachment to the process of a container."""
    return Phrase("attached to", "attach to", _pod(event), _ending(event))


def tell_forward(event: Event) -> Phrase:
    """Tell of a forwarded port; which one, only the connection itself knows."""
    return Phrase("forwarded a port to", "forward a port to", one_object(event), _ending(event))


def tell_log(event: Event) -> Phrase:
    """Tell of a read log."""
    if is_set(event, "follow"):
        return Phrase("followed the log of", "follow the log of", _pod(event), _ending(event))
    which = "previous log" if is_set(event, "previous") else "log"
    return Phrase(f"read the {which} of", f"read the {which} of", _pod(event))


def tell_proxy(event: Event) -> Phrase:
    """Tell of a request that the apiserver passed on."""
    path = visible_name(proxied_path(event))
    method = _METHODS.get(event.verb, "")
    way = (Part(f"{method}{path}"), Part(" of "), *one_object(event), Part(" through the apiserver"))
    return Phrase("called", "call", way)


def _pod(event: Event) -> tuple[Part, ...]:
    name = parameter(event, "container")
    return (*one_object(event), Part(f" (container {visible(name)})")) if name else one_object(event)


def _ending(event: Event) -> str:
    if event.stage != "ResponseComplete" or event.duration is None or event.duration < 1_000_000:
        return ""
    return f", ended after {lasting(event.duration)}"


def lasting(microseconds: int) -> str:
    """Say how long something lasted."""
    seconds = microseconds // 1_000_000
    if not seconds:
        return f"{microseconds // 1000} ms"
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
