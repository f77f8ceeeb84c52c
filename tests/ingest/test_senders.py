"""Who may send: the common token, the clusters' own tokens, and what of a refusal is written down."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.errors import ConfigError, Forbidden, Unauthenticated
from audit_webhook.ingest import admission as intake
from audit_webhook.ingest.admission import RejectionLog, TokenCheck
from audit_webhook.storage.repository import Repository
from tests.factories import audit_event, event_list


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the tokens of two clusters."""
    made = tmp_path / "tokens"
    made.mkdir()
    (made / "prod").write_text("prod-token\n")
    (made / "staging").write_text("# since May\nstaging-token\n\nstaging-next\n")
    return made


@pytest.fixture
def guarded(engine: Config, folder: Path) -> Iterator[FlaskClient]:
    """A client of an application with a token for each cluster."""
    app = create_app(replace(engine, webhook_tokens_dir=str(folder)))
    yield app.test_client()
    app.extensions["workers"].stop()
    context_of(app).repository.close()


def status(client: FlaskClient, cluster: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return client.post(f"/webhook/audit/{cluster}", data=event_list([audit_event()]), headers=headers).status_code


def is_taken(tokens: TokenCheck, token: str, cluster: str = "prod") -> bool:
    try:
        tokens.require(f"Bearer {token}", cluster)
    except (Unauthenticated, Forbidden):
        return False
    return True


def test_cluster_s_token_opens_its_cluster_alone(guarded: FlaskClient) -> None:
    assert status(guarded, "staging", "prod-token") == 403
    assert status(guarded, "elsewhere", "prod-token") == 403
    assert status(guarded, "prod", "unknown") == 401
    assert context_of(guarded.application).repository.contacts() == []
    assert status(guarded, "prod", "prod-token") == 200


def test_two_tokens_are_valid_while_they_are_exchanged(folder: Path) -> None:
    tokens = TokenCheck("", str(folder))
    assert is_taken(tokens, "staging-token", "staging") and is_taken(tokens, "staging-next", "staging")
    assert not is_taken(tokens, "# since May", "staging") and not is_taken(tokens, "", "staging")


def test_common_token_opens_every_cluster_beside_the_own_ones(folder: Path) -> None:
    tokens = TokenCheck("common", str(folder))
    assert is_taken(tokens, "common", "prod") and is_taken(tokens, "common", "new") and is_taken(tokens, "prod-token")


def test_changed_file_counts_without_a_restart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "SECONDS_BETWEEN_READS", 0.0)
    tokens = TokenCheck("", str(folder))
    assert is_taken(tokens, "prod-token")
    (folder / "prod").write_text("prod-next\n")
    assert is_taken(tokens, "prod-next") and not is_taken(tokens, "prod-token")
    (folder / "prod").unlink()
    assert not is_taken(tokens, "prod-next") and is_taken(tokens, "staging-token", "staging")


def test_folder_that_is_gone_leaves_the_known_tokens_valid(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "SECONDS_BETWEEN_READS", 0.0)
    tokens = TokenCheck("", str(folder))
    assert is_taken(tokens, "prod-token")
    folder.rename(folder.with_name("elsewhere"))
    assert is_taken(tokens, "prod-token") and not is_taken(tokens, "unknown")


def test_empty_folder_lets_nobody_in(tmp_path: Path) -> None:
    assert not is_taken(TokenCheck("", str(tmp_path)), "") and not is_taken(TokenCheck("", str(tmp_path)), "anything")


def test_hidden_files_and_folders_hold_no_tokens(folder: Path) -> None:
    (folder / "..data").mkdir()
    (folder / ".swp").write_text("hidden\n")
    assert not is_taken(TokenCheck("", str(folder)), "hidden", ".swp")


def test_folder_of_tokens_is_enough_for_production(folder: Path, tmp_path: Path) -> None:
    assert Config.from_env({"WEBHOOK_TOKENS_DIR": str(folder)}).webhook_tokens_dir == str(folder)
    with pytest.raises(ConfigError, match="WEBHOOK_TOKENS_DIR='.*nowhere' is not a folder"):
        Config.from_env({"WEBHOOK_TOKENS_DIR": str(tmp_path / "nowhere")})


def test_every_valid_hash_is_compared_wherever_the_match_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(len(one))
        return one == other

    monkeypatch.setattr(intake.hmac, "compare_digest", compare)
    tokens = TokenCheck("common", str(folder))
    counts = []
    for presented in ("common", "prod-token", "nothing", "x" * 100_000, "\xff"):
        compared.clear()
        is_taken(tokens, presented)
        counts.append(tuple(compared))
    assert set(counts) == {(32, 32, 32, 32)}


def test_many_refusals_are_counted_and_logged_once(
    sqlite_repository: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    book = RejectionLog(sqlite_repository.refusals)
    with caplog.at_level(logging.WARNING):
        for number in range(500):
            cluster = "prod\r\nforged" if number % 2 else "prod"
            book.note(cluster, "token", "the token is not the one expected", "10.0.0.9", number)
    book.flush()
    assert len(caplog.records) == 1
    assert "\n" not in caplog.records[0].getMessage() and "forged" not in caplog.text
    assert [refusal.refused for refusal in sqlite_repository.refusals.last_refusals()] == [498]
    assert sqlite_repository.refusals.refused_since(0) == [("", "token", 250), ("prod", "token", 250)]


def test_no_token_is_kept_in_clear(folder: Path) -> None:
    tokens = TokenCheck("common", str(folder))
    assert is_taken(tokens, "prod-token")
    kept = repr((tokens._common, tokens._own))
    assert "prod" in kept and not [name for name in ("common", "prod-token", "staging-next") if name in kept]
