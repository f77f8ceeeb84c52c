"""The commands that a new user types are there, say what they do, and install nothing that is not pinned."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
MAKEFILE: Final = (ROOT / "Makefile").read_text()
TARGETS: Final = re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE)
LOCKED: Final = ("requirements.txt", "requirements-dev.txt")
TOOLS: Final = ("sh", "dirname", "id", "sed", "cat", "env")


def direct_dependencies() -> dict[str, str]:
    """Give the name of each package that setup.cfg asks for, with the comment that stands before it."""
    parser = configparser.ConfigParser(comment_prefixes=(";",))
    parser.read_string(re.sub(r"^#.*\n", "", (ROOT / "setup.cfg").read_text(), flags=re.MULTILINE))
    lines = [line for line in parser["options"]["install_requires"].splitlines() if line]
    return {re.split(r"[<>=]", line)[0]: why for why, line in zip(lines[::2], lines[1::2], strict=True)}


def test_make_alone_tells_what_each_target_does() -> None:
    shown = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert [line.split()[0] for line in shown.stdout.splitlines()] == TARGETS
    assert all(len(line.split()) > 2 for line in shown.stdout.splitlines())


@pytest.mark.parametrize("document", ["README.md", "docs/development.md", ".ci/run"])
def test_every_make_command_in_the_documents_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)) - set(TARGETS) == set()


def test_every_direct_dependency_says_why_it_is_here() -> None:
    said = direct_dependencies()
    assert said and all(why.startswith("# ") for why in said.values())
    assert all(f"{why}\n#   → {name}\n" in (ROOT / "requirements.txt").read_text() for name, why in said.items())


@pytest.mark.parametrize("name", LOCKED)
def test_every_package_is_pinned_with_hashes(name: str) -> None:
    text = (ROOT / name).read_text()
    packages = re.split(r"\n(?=[a-z])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert [one for one in packages if "==" not in one.split()[0] or "--hash=sha256:" not in one] == []


@pytest.mark.parametrize("name", LOCKED)
def test_pinned_packages_leave_no_trace_of_the_machine(name: str) -> None:
    text = (ROOT / name).read_text()
    assert re.findall(r"file:|/home/|/root/|/tmp/|--(?:extra-)?index-url|--find-links", text) == []


def test_both_lists_pin_the_same_version() -> None:
    pins = [dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE)) for name in LOCKED]
    assert {name for name in pins[0].keys() & pins[1].keys() if pins[0][name] != pins[1][name]} == set()


def test_machine_without_python_is_told_what_to_install(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in TOOLS:
        (programs / tool).symlink_to(str(shutil.which(tool)))
    checkout = tmp_path / "checkout"
    (checkout / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools/prepare", checkout / "tools")
    environment = {"PATH": str(programs), "PYTHON": "/nowhere/python3"}
    told = subprocess.run(["/bin/sh", "tools/prepare", "run"], cwd=checkout, env=environment, capture_output=True)
    assert told.returncode == 2
    assert b"Python 3.11" in told.stderr
    assert not (checkout / ".venv").exists()


def test_ci_runs_the_commands_of_the_readme() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert re.findall(r"^make .*", (ROOT / ".ci/run").read_text(), re.MULTILINE) == ["make lint", "make test"]
