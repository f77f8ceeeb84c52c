"""Writes answers to a terminal or a pipe; nothing that came from an event can act on the terminal."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, TextIO

from audit_webhook.client.answers import Answer
from audit_webhook.client.environment import pager, wants_colour
from audit_webhook.events.visible_text import write_out, write_out_json
from audit_webhook.history.manifest import to_yaml

FORMATS: Final = ("table", "wide", "json", "yaml", "name")
LONGEST_CELL: Final = 1_000
MOST_PADDING: Final = 60
_RED, _BOLD, _PLAIN = "\x1b[31m", "\x1b[1m", "\x1b[0m"
_FAILED: Final = re.compile(r"[45]\d\d")


class Output:
    """A form of output and where it goes."""

    def __init__(self, form: str, stream: TextIO | None = None) -> None:
        """Write in one of `FORMATS`."""
        self._form: Final = form
        self._stream: Final = stream or sys.stdout
        self._has_colour: Final = self._stream.isatty() and wants_colour()
        self._has_header = False

    def write(self, answer: Answer, is_stream: bool = False) -> None:
        """Write an answer; those of a stream follow each other, a document a line."""
        text = self._render(answer, is_stream)
        if text:
            self._page(text) if not is_stream else print(text, file=self._stream, flush=True)
        for note in answer.notes:
            print(f"note: {write_out(note)}", file=sys.stderr)

    def _render(self, answer: Answer, is_stream: bool) -> str:
        if self._form == "json":
            return self._json(answer.document, is_stream)
        if self._form == "yaml":
            return write_yaml(answer.document)
        if self._form == "name":
            return "\n".join(write_out(name) for name in answer.names)
        if answer.text:
            return write_out(answer.text, kept="\n")
        return "\n".join(self._table(answer))

    def _json(self, document: Any, is_stream: bool) -> str:
        if is_stream:
            return "\n".join(write_out_json(json.dumps(each, ensure_ascii=False)) for each in document)
        written = json.dumps(document, ensure_ascii=False, indent=2)
        return "\n".join(write_out_json(line) for line in written.splitlines())

    def _table(self, answer: Answer) -> Iterable[str]:
        if not answer.rows:
            return
        shown = len(answer.header) - (answer.wide if self._form == "table" else 0)
        rows = [tuple(_cell(cell) for cell in row[:shown]) for row in answer.rows]
        header = answer.header[:shown]
        widths = [min(MOST_PADDING, max(len(row[place]) for row in [header, *rows])) for place in range(shown)]
        if not self._has_header:
            self._has_header = True
            yield self._paint(_line(header, widths), _BOLD)
        for row in rows:
            is_failed = any(_FAILED.fullmatch(cell) for name, cell in zip(header, row, strict=True) if name == "CODE")
            yield self._paint(_line(row, widths), _RED if is_failed else "")

    def _paint(self, line: str, colour: str) -> str:
        return f"{colour}{line}{_PLAIN}" if colour and self._has_colour else line

    def _page(self, text: str) -> None:
        """Show a text in the pager on a terminal, else write it."""
        command = shlex.split(pager()) if self._stream is sys.stdout and self._stream.isatty() else []
        if command:
            with suppress(OSError, BrokenPipeError):
                subprocess.run(command, input=text + "\n", text=True, check=False)
                return
        print(text, file=self._stream, flush=True)


def write_yaml(document: Any) -> str:
    """Return a document as YAML."""
    if isinstance(document, list):
        return "---\n".join(to_yaml(each) for each in document).rstrip("\n")
    return to_yaml(document).rstrip("\n")


def _cell(text: str) -> str:
    written = write_out(text)
    return written if len(written) <= LONGEST_CELL else f"{written[:LONGEST_CELL]}…"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
