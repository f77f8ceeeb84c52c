"""What the documents say of the query language is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from audit_webhook import query
from audit_webhook.query.fields import FIELDS
from tests.factories import NOON_US

ROOT = Path(__file__).resolve().parent.parent
LANGUAGE = (ROOT / "docs" / "query.md").read_text("utf-8")


def fields_table() -> str:
    """Write the table of fields that the document has to hold."""
    rows = [f"| `{field.name}` | `{field.example}` | {field.help} |" for field in FIELDS]
    return "\n".join(["| field | example | what it is |", "|---|---|---|", *rows])


def test_table_of_fields_is_the_code_s() -> None:
    found = re.search(r"<!-- fields: .*? -->\n(.*?)<!-- /fields -->", LANGUAGE, re.DOTALL)
    assert found is not None
    assert found[1].strip() == fields_table()


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_example_of_a_field_is_understood(field: query.Field) -> None:
    assert field.example.startswith(field.name if field.name.endswith(".") else f"{field.name}:")
    query.parse(field.example, NOON_US)


@pytest.mark.parametrize("text", sorted({
    code for code in re.findall(r"`([^`\n]+)`", LANGUAGE) if re.search(r"^-?[a-z]+:\S", code)
}))
def test_query_in_the_document_is_understood(text: str) -> None:
    assert query.parse(text, NOON_US)


def test_help_on_the_pages_names_every_field() -> None:
    text = (ROOT / "templates" / "_help.html").read_text("utf-8")
    listed = re.search(r"Fields: ([a-z. ]+)", text)
    assert listed is not None and set(listed[1].split()) == {field.name for field in FIELDS}
