"""The parts of a sentence, and how text that came from an event is made safe to look at."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from audit_webhook.events.visible_text import write_out

LONGEST: Final = 120

Role = Literal["text", "actor", "object", "namespace"]


class Part(NamedTuple):
    """A piece of a sentence and what it stands for."""

    text: str
    role: Role = "text"


def visible(text: str, limit: int = LONGEST) -> str:
    """Return a text as it may be shown: characters that would act or hide are written out, its length is bounded."""
    shown = write_out(text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def visible_name(text: str) -> str:
    """Give a name as it may be shown, in quotes if it could be taken for several words of the sentence."""
    shown = visible(text)
    return shown if shown and " " not in shown else f"“{shown}”"
