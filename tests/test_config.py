"""Settings are read once, checked, and their mistakes said all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_webhook.app import create_app
from audit_webhook.config import Config, load, unknown_names
from audit_webhook.config_parsers import read_dotenv
from audit_webhook.errors import ConfigError

TOKEN = {"WEBHOOK_TOKEN": "t0ken"}


def test_production_is_the_default_and_listens_everywhere() -> None:
    config = Config.from_env(TOKEN)
    assert (config.environment, config.http_host, config.http_port) == ("production", "0.0.0.0", 8080)


def test_production_refuses_to_start_without_a_token() -> None:
    with pytest.raises(ConfigError, match="WEBHOOK_TOKEN is not set"):
        Config.from_env({})


def test_empty_token_counts_as_none() -> None:
    with pytest.raises(ConfigError, match="WEBHOOK_TOKEN is not set"):
        Config.from_env({"WEBHOOK_TOKEN": ""})


def test_development_listens_on_this_machine_and_needs_no_token() -> None:
    assert Config.from_env({"ENVIRONMENT": "development"}).http_host == "127.0.0.1"


def test_development_without_a_token_is_not_opened_to_others() -> None:
    with pytest.raises(ConfigError, match="can be reached by others"):
        Config.from_env({"ENVIRONMENT": "development", "HTTP_HOST": "0.0.0.0"})


def test_command_that_opens_no_port_needs_no_token_but_the_application_does() -> None:
    config = Config.from_env({}, is_serving=False)
    with pytest.raises(ConfigError, match="WEBHOOK_TOKEN is not set"):
        create_app(config)


def test_all_mistakes_are_named_in_one_message() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_env({"HTTP_PORT": "http", "DB_PORT": "0", "ENVIRONMENT": "prod", "MAX_BODY_BYTES": "64MB"})
    message = str(caught.value)
    assert all(
        part in message
        for part in ("HTTP_PORT='http'", "DB_PORT='0'", "ENVIRONMENT='prod'", "MAX_BODY_BYTES='64MB'", "WEBHOOK_TOKEN")
    )


def test_secret_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    config = Config.from_env({"WEBHOOK_TOKEN_FILE": str(tmp_path / "token")})
    assert config.webhook_token == "from-a-file"


def test_secret_given_twice_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="WEBHOOK_TOKEN and WEBHOOK_TOKEN_FILE are both set"):
        Config.from_env({**TOKEN, "WEBHOOK_TOKEN_FILE": str(tmp_path)})


def test_secret_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="DB_PASSWORD_FILE="):
        Config.from_env({**TOKEN, "DB_PASSWORD_FILE": str(tmp_path / "none")})


def test_secrets_never_show_in_the_settings_text() -> None:
    shown = repr(Config.from_env({**TOKEN, "DB_PASSWORD": "hunter2"}))
    assert "t0ken" not in shown and "hunter2" not in shown


def test_dotenv_is_read_under_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "# a comment\nexport HTTP_PORT=9000\nWEBHOOK_TOKEN='quoted # kept'\nDB_NAME=audits # why\nnonsense\n"
    )
    monkeypatch.setenv("HTTP_PORT", "9001")
    monkeypatch.delenv("WEBHOOK_TOKEN", raising=False)
    config, warnings = load(path)
    assert (config.http_port, config.webhook_token, config.db_name) == (9001, "quoted # kept", "audits")
    assert warnings == []


def test_unknown_name_in_dotenv_is_a_warning_with_the_nearest_name() -> None:
    assert unknown_names({"WEBHOOK_TOKN": "x", "FOO": "y", "DB_HOST": "z"}) == [
        ".env: FOO is not a setting",
        ".env: WEBHOOK_TOKN is not a setting; did you mean WEBHOOK_TOKEN?",
    ]


def test_missing_dotenv_is_no_mistake(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / ".env") == {}
