"""compose.yaml leads the service to the database beside it, confined, with settings that exist."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import yaml

from audit_webhook.config import Config
from audit_webhook.operate.server.lifetime import GRACE_SECONDS
from audit_webhook.operate.server.listener import DRAIN_SECONDS

ROOT: Final = Path(__file__).resolve().parents[2]
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICE: Final[dict[str, Any]] = COMPOSE["services"]["audit-webhook"]
DATABASE: Final[dict[str, Any]] = COMPOSE["services"]["mariadb"]


def test_service_waits_for_its_database_and_finds_it() -> None:
    settings = SERVICE["environment"]
    assert settings["DB_HOST"] == "mariadb" and DATABASE["healthcheck"]["test"][0] == "CMD"
    assert SERVICE["depends_on"] == {"mariadb": {"condition": "service_healthy"}}
    assert settings["DB_NAME"] == DATABASE["environment"]["MARIADB_DATABASE"]
    assert settings["DB_USER"] == DATABASE["environment"]["MARIADB_USER"]
    assert settings["DB_PASSWORD_FILE"] == DATABASE["environment"]["MARIADB_PASSWORD_FILE"]


def test_every_setting_of_compose_exists_and_is_taken(tmp_path: Path) -> None:
    known = {setting.name.upper(): setting.metadata["secret"] for setting in fields(Config)}
    settings = dict(SERVICE["environment"])
    for name in [name for name in settings if name.endswith("_FILE") and known.get(name.removesuffix("_FILE"))]:
        assert settings[name].removeprefix("/run/secrets/") in SERVICE["secrets"]
        (tmp_path / name).write_text("secret")
        settings[name] = str(tmp_path / name)
        known[name] = True
    assert settings.keys() - known.keys() == set()
    assert Config.from_env(settings).ui_port == 8081


def test_every_secret_and_volume_is_declared_and_made_by_the_page() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    [made] = re.findall(r"^for name in (.*); do openssl", page, re.MULTILINE)
    used = {*SERVICE["secrets"], *DATABASE["secrets"]}
    assert used == COMPOSE["secrets"].keys() == {*made.split()}
    assert {one["file"] for one in COMPOSE["secrets"].values()} == {f"secrets/{name}" for name in used}
    assert {one.partition(":")[0] for one in SERVICE["volumes"] + DATABASE["volumes"]} == COMPOSE["volumes"].keys()
    assert "/secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


def test_container_is_confined_and_gets_the_time_to_stop() -> None:
    assert SERVICE["read_only"] is True and SERVICE["cap_drop"] == ["ALL"]
    assert SERVICE["security_opt"] == ["no-new-privileges:true"] and SERVICE["tmpfs"] == ["/tmp:size=64m"]
    assert int(SERVICE["stop_grace_period"].removesuffix("s")) > GRACE_SECONDS + DRAIN_SECONDS
    assert all(port.startswith("127.0.0.1:") for port in SERVICE["ports"])
    assert SERVICE["environment"]["SPOOL_DIR"].startswith(SERVICE["volumes"][0].partition(":")[2])


def test_database_is_as_durable_as_an_answer_promises() -> None:
    assert {"--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"} <= {*DATABASE["command"]}
    assert "ports" not in DATABASE and not DATABASE["image"].endswith(":latest") and ":" in DATABASE["image"]
