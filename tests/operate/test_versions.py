"""Libraries on whose inner parts the server builds have a version that was tried, or it does not start."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pytest

from audit_webhook.errors import ConfigError
from audit_webhook.operate.server import versions

ROOT = Path(__file__).resolve().parents[2]


def test_installed_versions_were_tried() -> None:
    versions.check_versions()


@pytest.mark.parametrize(("library", "found"), [("waitress", "3.1.0"), ("waitress", "4.0"), ("pymysql", "2.0.0")])
def test_version_that_was_not_tried_is_refused(monkeypatch: pytest.MonkeyPatch, library: str, found: str) -> None:
    real = versions.version
    monkeypatch.setattr(versions, "version", lambda name: found if name == library else real(name))
    with pytest.raises(ConfigError, match=f"{library} {found} was not tried"):
        versions.check_versions()


def test_requirements_name_the_same_versions() -> None:
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    required = settings["options"]["install_requires"].splitlines()
    assert "waitress>=3.0.1,<3.1" in required and "pymysql>=1.1.1,<1.3" in required
