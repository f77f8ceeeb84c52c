"""docs/cli.md says of verbs and commands what the programs say of themselves."""

from __future__ import annotations

import re
from typing import Final

import pytest

from audit_webhook.cli import COMMANDS
from audit_webhook.client.verbs import VERBS
from tests.code_files import ROOT

DOCUMENT: Final = (ROOT / "docs/cli.md").read_text("utf-8")
TABLES: Final = {
    "verbs": [f"| `{name}` | {verb.help} |" for name, verb in VERBS.items()],
    "commands": [f"| `{name}` | {command.HELP} |" for name, command in COMMANDS.items()],
}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_table_is_what_the_program_says(name: str) -> None:
    found = re.search(rf"<!-- {name}: .*? -->\n(.*?)<!-- /{name} -->", DOCUMENT, re.DOTALL)
    assert found is not None
    assert found[1].splitlines()[2:] == TABLES[name]


def test_every_verb_in_an_example_exists() -> None:
    used = re.findall(r"^kubectl audit ([a-z-]+)", DOCUMENT, re.MULTILINE)
    assert used and {each for each in used if each not in VERBS} == {"login"}
