"""Styles, scripts and libraries of the pages: small, kept by browsers, and nothing that the policy forbids."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.factories import audit_event
from tests.search.test_ui import Page, post, read

ROOT = Path(__file__).parent.parent
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "audit_webhook" / "static"


def assets(page: Page) -> list[str]:
    return [
        value for tag, values in page.elements for name, value in values.items()
        if tag in ("script", "link") and name in ("src", "href")
    ]


def test_static_files_may_be_kept_for_good_and_change_their_address(sqlite_client: FlaskClient) -> None:
    for address in assets(read(sqlite_client, "/")):
        assert re.search(r"\?v=[0-9a-f]{12}$", address), address
        answer = sqlite_client.get(address, buffered=True)
        assert answer.status_code == 200 and "max-age=31536000" in answer.headers["Cache-Control"]


def test_first_view_is_small_over_the_wire(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, *(audit_event(number) for number in range(60)))
    paths = ["/?q=", *assets(read(sqlite_client, "/"))]
    sizes = [len(sqlite_client.get(path, headers={"Accept-Encoding": "gzip"}, buffered=True).data) for path in paths]
    assert sum(sizes) < 150_000


def test_compressed_page_is_the_same_page(sqlite_client: FlaskClient) -> None:
    plain = sqlite_client.get("/nowhere")
    packed = sqlite_client.get("/nowhere", headers={"Accept-Encoding": "gzip"}, buffered=True)
    assert packed.data == plain.data  # errors are left alone
    packed = sqlite_client.get(assets(read(sqlite_client, "/"))[0], headers={"Accept-Encoding": "gzip"}, buffered=True)
    assert "Accept-Encoding" in packed.headers["Vary"]
    style = next(path for path in assets(read(sqlite_client, "/")) if "app.css" in path)
    packed = sqlite_client.get(style, headers={"Accept-Encoding": "gzip"}, buffered=True)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == (STATIC / "app.css").read_bytes()
    unchanged = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}
    again = sqlite_client.get(style, headers=unchanged, buffered=True)
    assert again.status_code == 304


@pytest.mark.parametrize("template", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_template_holds_nothing_that_the_policy_or_a_scanner_forbids(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\sstyle=|\son[a-z]+=|hx-on|hx-vals|javascript:|\|\s*safe\b|autoescape|x-html", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text) and "<style" not in text
    for name, value in re.findall(r"\s(x-[\w.:-]+|hx-[\w:-]+)=\"([^\"]*)\"", text):
        assert "{{" not in value or (name == "hx-get" and ("url_for(" in value or "address" in value)), name


def test_styles_are_built_from_the_templates_as_they_are() -> None:
    styles = (STATIC / "app.css").read_text()
    missing = {name for name in used_classes() if selector(name) not in styles} - UNSTYLED
    assert not missing, f"run tools/build-css: {sorted(missing)}"


UNSTYLED = {"needs-script", "from", "s", "n", "z"}


def used_classes() -> set[str]:
    """Give the classes that stand in templates as plain words; those that expressions make are left out."""
    texts = [path.read_text() for path in TEMPLATES.rglob("*.html")]
    values = [value for text in texts for value in re.findall(r'\sclass="((?:[^"{]|\{[{%].*?[}%]\})*)"', text)]
    words = {word for value in values for word in re.sub(r"\{[{%].*?[}%]\}", " ", value).split()}
    return {word for word in words if not word.endswith("-")}


def selector(name: str) -> str:
    return "." + re.sub(r"([^\w-])", r"\\\1", name)


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_script_is_short_and_says_what_it_is_for(script: Path) -> None:
    lines = script.read_text().splitlines()
    assert len(lines) < 150 and lines[0].startswith("// ")
    assert "innerHTML" not in script.read_text().replace('swap: "innerHTML"', "")


def test_libraries_are_those_that_are_recorded() -> None:
    for line in (STATIC / "vendor" / "VERSIONS").read_text().splitlines():
        name, digest = line.split()[0], line.rsplit("sha256:", 1)[1]
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest
