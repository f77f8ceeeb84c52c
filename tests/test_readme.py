"""What the README and the example file say of the settings is what the code says."""

from __future__ import annotations

import re
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest

from audit_webhook.config import Config
from audit_webhook.config_parsers import read_dotenv

ROOT = Path(__file__).resolve().parent.parent


def settings_table() -> str:
    """Write the table that the README has to hold."""
    rows = [f"| `{name(setting)}` | {default(setting)} | {setting.metadata['meaning']} |" for setting in fields(Config)]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def name(setting: Field[Any]) -> str:
    return setting.name.upper()


def default(setting: Field[Any]) -> str:
    return f"`{setting.default}`" if setting.default != "" else ""


def test_readme_s_settings_table_is_the_code_s() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    found = re.search(r"<!-- settings: .*? -->\n(.*?)<!-- /settings -->", readme, re.DOTALL)
    assert found is not None
    assert found[1].strip() == settings_table()


def test_readme_names_the_secrets_that_may_come_from_a_file() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    secrets = [f"`{name(setting)}`" for setting in fields(Config) if setting.metadata["secret"]]
    assert f"{' and '.join(secrets)} may also be given as `NAME_FILE`" in re.sub(r"\s+", " ", readme)


def test_example_file_names_every_setting_and_sets_none(tmp_path: Path) -> None:
    example = ROOT / ".env.example"
    assert read_dotenv(example) == {}
    uncommented = tmp_path / ".env"
    uncommented.write_text(re.sub(r"^#(?=[A-Z])", "", example.read_text("utf-8"), flags=re.MULTILINE), "utf-8")
    assert list(read_dotenv(uncommented)) == [name(setting) for setting in fields(Config)]


def test_example_file_shows_the_defaults(tmp_path: Path) -> None:
    uncommented = tmp_path / ".env"
    text = (ROOT / ".env.example").read_text("utf-8")
    uncommented.write_text(re.sub(r"^#(?=[A-Z])", "", text, flags=re.MULTILINE), "utf-8")
    shown = read_dotenv(uncommented)
    assert shown == {name(setting): str(setting.default) for setting in fields(Config)}


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_links_between_documents_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    targets = re.findall(r"\]\(([^)#:\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^":]+)"', text)
    missing = [target for target in targets if not ((ROOT / page).parent / target).exists()]
    assert missing == []
