"""A server with known events behind TLS, and a laptop without settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from audit_webhook.context import context_of
from audit_webhook.storage.scope import EVERYWHERE, Reader, Scope
from tests import story
from tests.conftest import Server, development
from tests.nginx import Sidecar
from tests.readers import add_user

LIMITED: Final = Scope(frozenset({"staging"}), frozenset({"staging"}))


class Site(NamedTuple):
    """A server in production behind nginx with TLS: its address, its certificate, and the token of each reader."""

    url: str
    certificate: str
    tokens: dict[str, str]
    server: Server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server in production, with readers root, who sees everything, and eve, who sees one namespace."""
    folder = tmp_path_factory.mktemp("site")
    config = development(DB_PATH=str(folder / "audit.db"), EVIDENCE_KEY_FILE=str(folder / "key"))
    server = Server(replace(config, environment="production", webhook_token="t", ui_users_file=str(folder / "users")))
    parts = context_of(server.app)
    story.load(parts.repository)
    tokens = {}
    for name, scope in (("root", EVERYWHERE), ("eve", LIMITED)):
        add_user(parts.readers.users.path, name, "viewer", scope)
        tokens[name] = parts.readers.issue_token(Reader(name, "viewer", scope, "session"), "laptop", 30, parts.clock())
    with Sidecar(folder, server.config.http_port) as proxy:
        yield Site(f"https://127.0.0.1:{proxy.port}", str(proxy.certificate.chain), tokens, server)
    server.stop()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A laptop without any settings."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    return tmp_path
