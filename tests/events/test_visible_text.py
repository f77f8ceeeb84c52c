"""No character that nobody sees comes through: on pages, in sentences, commands, logs, YAML and JSON for a terminal."""

from __future__ import annotations

import json
import logging
import sys
import unicodedata
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_webhook.events.visible_text import shown, shown_value, write_out, write_out_json
from audit_webhook.history.manifest import quote as quote_yaml
from audit_webhook.humanize.text import visible
from audit_webhook.kubectl.words import escape, is_plain
from audit_webhook.operate.logs import JsonLines, TextLines

# Blank or without a width although their category says letter, mark or symbol, and one of each category that hides.
TWINS: Final = (
    "\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b\u180e\u180f\u2000\u2003\u2007\u200b\u200d"
    "\u200e\u2028\u202e\u202f\u205f\u2060\u2066\u2800\u2d7f\u3000\u3164\ufe0f\ufeff\uffa0\ufff9\U0001d159"
    "\U00016fe4\U000e0001\U000e0100\x00\x1b\x7f\x85\x9b\ud800\ue000\U0010ffff"
)


@pytest.mark.parametrize("character", TWINS, ids=lambda each: f"U+{ord(each):04X}")
def test_name_with_a_hidden_character_has_no_twin_anywhere(character: str) -> None:
    name = f"ad{character}min"
    for written in (shown(name), visible(name), escape(name), shown_value(name), write_out(name), quote_yaml(name)):
        assert character not in written and written not in ("admin", "ad min")
    assert not is_plain([name])


@pytest.mark.parametrize("name", ["admin ", " admin", "ad  min"])
def test_name_with_spaces_that_are_not_seen_is_quoted(name: str) -> None:
    assert shown_value(name) == f"\u201c{name}\u201d"


def test_whole_of_unicode_holds_no_further_space_or_control() -> None:
    hidden = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"}
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in hidden and code != 0x20:
            assert write_out(chr(code)) != chr(code)


@given(st.text())
def test_json_for_a_terminal_reads_as_the_same_value(text: str) -> None:
    line = write_out_json(json.dumps({"a": text}, ensure_ascii=False))
    assert json.loads(line) == {"a": text}
    assert write_out(line) == line or any(unicodedata.category(each) in ("Mn", "Me") for each in line)


@given(st.text(alphabet="zażółć gęślą jaźń 日本語 😀 e\u0301"))
def test_letters_of_any_language_stay(text: str) -> None:
    assert write_out(text) == text


def test_marks_that_pile_up_are_written_out() -> None:
    assert write_out("a" + "\u0301" * 4) == "a\u0301\u0301\\u0301\\u0301"


def test_log_holds_no_hidden_character() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "a %s", (TWINS.replace("\ud800", ""),), None)
    for formatter in (JsonLines(), TextLines()):
        line = formatter.format(record)
        assert not set(line) & set(TWINS)


def test_a_megabyte_is_written_out_quickly() -> None:
    assert len(write_out("\u202e" * 100_000)) == 600_000
