"""The Dockerfile says what the documents promise; `make soak` builds the image and runs it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.deployed import list_unpinned, list_unwanted
from tests.test_wheel import SOURCES

ROOT: Final = Path(__file__).resolve().parents[2]
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text("utf-8")
STEPS: Final = [line for line in re.sub(r"\\\n", " ", DOCKERFILE).splitlines() if line and not line.startswith("#")]


def steps(kind: str) -> list[str]:
    """Give what follows an instruction, of each in turn."""
    return [line.partition(" ")[2] for line in STEPS if line.startswith(f"{kind} ")]


def test_everything_that_is_copied_is_let_in_and_nothing_else() -> None:
    copied = {name for step in steps("COPY") if not step.startswith("--") for name in step.split()[:-1]}
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert ignored[0] == "*" and ignored[-1] == "**/__pycache__"
    assert {line.removeprefix("!") for line in ignored[1:-1]} == copied
    assert copied == {*SOURCES, "requirements.txt", "requirements-dev.txt"}
    assert all((ROOT / name).exists() for name in copied)


def test_both_stages_stand_on_the_base_that_was_asked_for() -> None:
    assert steps("ARG")[0].startswith("BASE_IMAGE=") and not steps("ARG")[0].endswith(":latest")
    assert steps("FROM") == ["${BASE_IMAGE} AS build", "${BASE_IMAGE}"]


def test_service_is_nobody_in_particular_and_runs_by_default() -> None:
    assert steps("USER") == ["65532:65532"] and STEPS.index("USER 65532:65532") > STEPS.index("FROM ${BASE_IMAGE}")
    assert json.loads(steps("CMD")[0]) == ["audit-webhook", "serve"]
    assert steps("VOLUME") == ["/data"] and steps("WORKDIR")[-1] == "/data"


def test_everything_installed_is_pinned_with_hashes_or_was_built_here() -> None:
    installs = re.findall(r"pip install ([^&]*)", " ".join(steps("RUN")))
    assert len(installs) == 3
    for options in installs:
        assert "--require-hashes -r " in options or "--no-index" in options
    assert "--no-build-isolation" in " ".join(steps("RUN")) and "PIP_NO_CACHE_DIR=1" in " ".join(steps("ENV"))


def test_what_builds_the_package_is_picked_from_the_pinned_ones() -> None:
    [script] = re.findall(r"sed -n '([^']*)'", DOCKERFILE)
    picked = subprocess.run(
        ["sed", "-n", script, "requirements-dev.txt"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    assert re.findall(r"^([\w-]+)==", picked, re.MULTILINE) == ["packaging", "setuptools", "wheel"]
    assert picked.count("--hash=sha256:") >= 3 and not picked.rstrip().endswith("\\")


def test_health_check_is_a_program_that_python_takes() -> None:
    [check] = steps("HEALTHCHECK")
    interpreter, option, program = json.loads(check.partition("CMD ")[2])
    assert (interpreter, option) == ("python3", "-c")
    assert "/healthz" in program and ast.parse(program)


@pytest.mark.parametrize("path", [
    "usr/bin/gcc", "usr/bin/x86_64-linux-gnu-gcc-12", "usr/bin/cc", "usr/bin/make", "root/.cache/pip/http/a",
    "opt/audit-webhook/lib/python3.11/site-packages/pip/__init__.py", "opt/audit-webhook/x/tests/data.json",
    "opt/build/bin/python", "src/setup.cfg", "tmp/a.whl",
])
def test_what_has_no_business_in_an_image_is_found(tmp_path: Path, path: str) -> None:
    for name in ("usr/bin/python3", "usr/lib/python3/dist-packages/tests/a", "opt/audit-webhook/bin/python", path):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert path in list_unwanted(tmp_path)
    assert not {"usr/bin/python3", "opt/audit-webhook/bin/python"} & {*list_unwanted(tmp_path)}


def test_package_that_is_not_pinned_is_found(tmp_path: Path) -> None:
    place = tmp_path / "opt/audit-webhook/lib/python3.11/site-packages"
    for package in ("flask-0.1", "audit_webhook-0.1.0"):
        (place / f"{package}.dist-info").mkdir(parents=True)
        name, _, version = package.partition("-")
        (place / f"{package}.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    assert list_unpinned(tmp_path) == ["flask==0.1", "waitress is missing", "orjson is missing"]
