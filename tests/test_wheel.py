"""The wheel carries all that it needs and runs alone, in an environment with nothing but what it declares."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

from tests.mariadb import free_port

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCES: Final = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "audit_webhook", "sql", "templates")
START_SECONDS: Final = 30
PIP: Final = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, those that the container image takes."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder / "dist"), str(folder))
    subprocess.run([*PIP, *build], check=True, capture_output=True)
    return next((folder / "dist").glob("audit_webhook-*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that holds the wheel and the packages that it declares, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = next((folder / "lib").glob("python*/site-packages"))
    install = ("--python", str(folder / "bin/python"), "install", "--no-deps", "--no-index", str(wheel))
    subprocess.run([*PIP, *install], check=True, capture_output=True)
    for needed in declared(Distribution.at(next(packages.glob("audit_webhook-*.dist-info"))), {}).values():
        link(needed, packages)
    return folder


def declared(parent: Distribution, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """Give the distributions that one requires here, directly or not; what only an extra wants is left out."""
    for requirement in map(Requirement, parent.requires or []):
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and requirement.name not in found:
            found[requirement.name] = distribution(requirement.name)
            declared(found[requirement.name], found)
    return found


def link(package: Distribution, packages: Path) -> None:
    """Make a distribution of this environment visible in another one, without a copy of it."""
    tops = {file.parts[0] for file in package.files or [] if file.parts[0] not in ("..", "__pycache__")}
    for top in tops:
        if not (packages / top).exists():
            (packages / top).symlink_to(Path(str(package.locate_file(top))))


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[str]:
    """Run a server in a folder until the block ends; gives its URL once it answers."""
    settings = {
        "ENVIRONMENT": "development", "HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(port), "DB_PATH": "audit.db",
        "PATH": "/usr/bin:/bin",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=settings, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_SECONDS
        while not answers(url):
            said = (folder / "log").read_text()
            assert process.poll() is None and time.monotonic() < deadline, f"the server did not start:\n{said}"
            time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    """Say whether a server listens there."""
    try:
        return get(f"{url}/healthz")[0] == 200
    except urllib.error.URLError:
        return False


def get(url: str) -> tuple[int, str]:
    """Give the status and the text of an answer."""
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.status, response.read().decode()


def test_wheel_carries_every_template_statement_and_static_file(wheel: Path) -> None:
    wanted = {
        str(Path("audit_webhook", folder, path.relative_to(source)))
        for folder, source in (
            ("templates", ROOT / "templates"), ("sql", ROOT / "sql"), ("static", ROOT / "audit_webhook/static"),
            ("demo", ROOT / "audit_webhook/demo"), ("", ROOT / "audit_webhook"),
        )
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - set(zipfile.ZipFile(wheel).namelist()) == set()


@pytest.mark.parametrize("way", ["audit-webhook", "waitress-serve"])
def test_installed_wheel_serves_its_pages_from_any_folder(environment: Path, tmp_path: Path, way: str) -> None:
    port = free_port()
    commands = {
        "audit-webhook": [str(environment / "bin/audit-webhook"), "serve"],
        "waitress-serve": [
            str(environment / "bin/python"), str(Path(sys.executable).with_name("waitress-serve")),
            f"--listen=127.0.0.1:{port}", "--call", "audit_webhook.app:create_app",
        ],
    }
    with running(commands[way], tmp_path, port) as url:
        status, page = get(f"{url}/")
        assert status == 200
        style = re.search(r'rel="stylesheet" href="([^"]+)"', page)
        assert style and get(url + style[1])[0] == 200
