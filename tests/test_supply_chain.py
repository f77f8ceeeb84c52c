"""What the program is made of is written down whole, and a check that could not be made is never called a good one."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from audit_webhook import __version__
from tests.mariadb import free_port
from tools import audit, sbom

ROOT: Final = Path(__file__).resolve().parents[1]
REQUIREMENTS: Final = ROOT / "requirements.txt"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document as `make sbom` writes it."""
    written: dict[str, Any] = json.loads(sbom.write_document())
    return written


def components(document: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in document["components"] if each["purl"].startswith(f"pkg:{kind}/")}


def test_document_is_what_its_standard_asks_for() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom.write_document()) is None


def test_every_pinned_package_is_in_it_with_its_version_and_every_hash(document: dict[str, Any]) -> None:
    text = REQUIREMENTS.read_text()
    found = components(document, "pypi")
    assert {name: each["version"] for name, each in found.items()} == dict(re.findall(r"^(\S+)==(\S+)", text, re.M))
    hashes = [each["content"] for one in found.values() for each in one["externalReferences"][0]["hashes"]]
    assert sorted(hashes) == sorted(re.findall(r"--hash=sha256:(\w+)", text))
    assert all(one["externalReferences"][0]["hashes"] for one in found.values())


def test_every_library_of_the_browser_is_in_it_with_the_hash_of_its_file(document: dict[str, Any]) -> None:
    found = components(document, "npm")
    scripts = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sbom.VENDOR.glob("*.js")}
    assert scripts == {
        each["description"].rpartition("/")[2]: each["hashes"][0]["content"] for each in found.values()
    }


def test_every_component_has_a_licence_and_what_needs_it(document: dict[str, Any]) -> None:
    assert all(each["licenses"] for each in document["components"])
    assert "NOASSERTION" not in json.dumps(document)
    needed = {reference for each in document["dependencies"] for reference in each["dependsOn"]}
    assert needed == {each["bom-ref"] for each in document["components"]}
    assert document["metadata"]["component"]["version"] == __version__


def test_same_pins_give_the_same_bytes_and_no_trace_of_the_machine() -> None:
    text = sbom.write_document()
    assert sbom.write_document() == text
    assert re.findall(r"file:|/home/|/root/|/tmp/", text) == []


def test_package_that_is_not_installed_as_pinned_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sbom, "ROOT", tmp_path)
    for pin, said in (("flask==0.1", "flask is installed in version"), ("nosuch==1", "nosuch 1 is not installed")):
        (tmp_path / "requirements.txt").write_text(f"{pin} \\\n    --hash=sha256:{'0' * 64}\n")
        assert sbom.main([]) == 2
        assert said in capsys.readouterr().err


def test_make_sbom_writes_the_file() -> None:
    subprocess.run(["make", "sbom"], cwd=ROOT, check=True, capture_output=True)
    assert (ROOT / "dist/sbom.cdx.json").read_text() == sbom.write_document()


@contextmanager
def advisories(holes: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, ...]]:
    """Run a database of advisories that answers as https://google.github.io/osv.dev/post-v1-query/ says."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps({"vulns": holes.get(asked["package"]["name"], [])}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield ("-s", "osv", "--osv-url", f"http://127.0.0.1:{server.server_port}/v1/query")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    """A file with two pinned packages."""
    path = tmp_path / "requirements.txt"
    path.write_text("".join(f"{name}==1.0 --hash=sha256:{'0' * 64}\n" for name in ("sound", "broken")))
    return path


def test_known_hole_is_named_with_where_it_is_mended(pinned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = [{"introduced": "0"}, {"fixed": "1.1"}]
    hole = {
        "id": "GHSA-test", "summary": "", "details": "", "modified": "2026-01-01T00:00:00Z",
        "affected": [{"package": {"name": "broken", "ecosystem": "PyPI"}, "versions": ["1.0"],
                      "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
    }
    with advisories({"broken": [hole]}) as service:
        assert audit.check(pinned, {"a test": service}) == 1
    said = capsys.readouterr().out
    assert said == "broken 1.0: GHSA-test, mended in 1.1\naudit: known holes in 2 packages, says a test: 1\n"


def test_sound_packages_are_said_to_be_checked(pinned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with advisories({}) as service:
        assert audit.check(pinned, {"a test": service}) == 0
    assert capsys.readouterr().out == "audit: known holes in 2 packages, says a test: none\n"


def test_database_that_cannot_be_reached_is_said_and_is_no_success(
    pinned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = ("-s", "osv", "--osv-url", f"http://127.0.0.1:{free_port()}/v1/query")
    assert audit.check(pinned, {"nowhere": nowhere}) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("audit: nowhere could not be asked: ")
    assert said.err.endswith("audit: no advisory database could be reached: NOTHING WAS CHECKED\n")


def test_index_that_knows_no_package_is_no_success(
    pinned: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped = [{"name": name, "skip_reason": "Dependency not found on PyPI"} for name in ("sound", "broken")]
    known = [{"name": "sound", "version": "1.0", "vulns": []}, skipped[1]]
    for found, said in ((skipped, "NOTHING WAS CHECKED"), (known, "because an index does not know them: broken\n")):
        answer = subprocess.CompletedProcess([], 0, json.dumps({"dependencies": found}), "")
        monkeypatch.setattr(audit.subprocess, "run", lambda *_, answer=answer, **__: answer)
        assert audit.check(pinned, {"an index": ()}) == 2
        assert said in capsys.readouterr().err
