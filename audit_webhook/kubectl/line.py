"""A command while it is put together: its words, how sure they are, the facts used, and what no event can tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.words import MASK, Unsayable, escape, mask, mask_text

Confidence = Literal["exact", "likely", "equivalent"]
LONGEST: Final = 2_000_000
"""Characters of a command; no system starts a program with more (execve(2), ARG_MAX)."""


class Line:
    """Words before and after ``--``; flags are written ``--name=value``, so that no value is taken for a flag."""

    def __init__(self, *verb: str) -> None:
        """Start with the command's own words, which are ours."""
        self.verb = verb
        self.arguments: list[str] = []
        self.flags: list[str] = []
        self.after: list[str] = []
        self.is_sure = True
        self.is_complete = True
        self.evidence: list[str] = []
        self.unknown: list[str] = []
        self.sent: list[Request] = []
        self.has_namespace = True
        self.common = True
        self.standard_managers: tuple[str, ...] = ()
        self._length = 0

    def _take(self, *words: str) -> None:
        """Count words; raises Unsayable when they are too many: a small body can ask for endless ones."""
        self._length += len("".join(words)) + len(words)
        if self._length > LONGEST:
            raise Unsayable("longer than any command")

    @property
    def words(self) -> list[str]:
        """All words of the command."""
        tail = ["--", *self.after] if self.after else []
        return ["kubectl", *self.verb, *self.arguments, *self.flags, *tail]

    def add(self, *words: str) -> Line:
        """Add arguments; raises Unsayable when kubectl would take one for a flag."""
        for word in words:
            if word.startswith("-") or not word:
                raise Unsayable(word)
        self._take(*words)
        self.arguments += words
        return self

    def flag(self, name: str, value: object = None) -> Line:
        """Add a flag, with its value when there is one."""
        word = f"--{name}" if value is None else f"--{name}={value}"
        self._take(word)
        self.flags.append(word)
        return self

    def flag_if(self, name: str, value: object) -> Line:
        """Add a flag when its value says something."""
        return self.flag(name, value) if value not in (None, "", False) else self

    def short(self, *words: str) -> Line:
        """Add short flags as people write them, such as ``-n shop``; raises Unsayable for what looks like a flag."""
        if any(word.startswith("-") or not word for word in words[1:]):
            raise Unsayable(words[1])
        self._take(*words)
        self.flags += words
        return self

    def tail(self, words: Iterable[object]) -> Line:
        """Set what follows ``--``, passwords and tokens masked."""
        plain = [str(word) for word in words]
        self._take(*plain)
        self.after = mask(plain)
        return self.masks(self.after != plain)

    def masks(self, has_secret: bool) -> Line:
        """Note that values were masked."""
        if has_secret:
            self.lacks("values that look like secrets are masked")
        return self

    def because(self, fact: str) -> Line:
        """Note a fact of the events that the command was told from."""
        self.evidence.append(fact if fact.isascii() and fact.isprintable() else escape(fact))
        return self

    def lacks(self, what: str) -> Line:
        """Note what the events cannot tell though verb and target are sure."""
        if what not in self.unknown:
            self.unknown.append(what)
        return self

    def guess(self, what: str) -> Line:
        """Note why verb or target might be another one."""
        self.is_sure = False
        return self.lacks(what)

    def assign(self, name: str, value: str) -> str:
        """Give ``name=value`` with the value masked when the name or the value looks like a secret."""
        text = f"{name}={value}"
        shown = mask_text(text)
        if shown != text:
            self.masks(True)
            return f"{name}={MASK}"
        return text
