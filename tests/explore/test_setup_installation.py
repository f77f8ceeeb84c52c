"""/setup fits the installation: the address that senders need, where the token is, and who of them is heard."""

from __future__ import annotations

import html
import http.client
import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from flask import Flask

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.errors import ConfigError, Forbidden, InvalidCluster, Unauthenticated
from audit_webhook.explore.setup import files as setup
from audit_webhook.ingest.admission import TokenCheck, admit
from audit_webhook.storage.scope import Scope
from tests.factories import audit_event, event_list
from tests.login_proxy import LoginProxy
from tests.mariadb import MariaDB, free_port
from tests.nginx import Front
from tests.operate.test_nginx import PROOF, look
from tests.readers import add_user, logged_in
from tests.serving import TOKEN, Service, get, post, serving

FORM = "/setup?cluster=prod&tier=metadata"


@pytest.fixture
def production(sqlite_config: Config, tmp_path: Path) -> Iterator[list[Flask]]:
    """Applications in production that a test makes; closed at its end."""
    apps: list[Flask] = []
    yield apps
    for app in apps:
        app.extensions["workers"].stop()
        context_of(app).repository.close()


def make(apps: list[Flask], config: Config, folder: Path, **settings: object) -> Flask:
    given = {"environment": "production", "webhook_token": TOKEN, "ui_users_file": str(folder / "users"), **settings}
    apps.append(create_app(replace(config, **given)))  # type: ignore[arg-type]
    return apps[-1]


def file_of(app: Flask, headers: dict[str, str] | None = None) -> str:
    """Give the address in the kubeconfig that the page writes."""
    reader = logged_in(app)
    answer = reader.get("/setup/webhook.yaml?cluster=prod", headers=headers or {})
    address: str = yaml.safe_load(answer.data)["clusters"][0]["cluster"]["server"]
    return address.replace(f"audit:{setup.TOKEN_PLACEHOLDER}@", "")


# The address


@pytest.mark.parametrize(("settings", "headers", "address"), [
    ({"public_url": "https://audit.example.com:8443"}, {}, "https://audit.example.com:8443"),
    ({"public_url": "https://audit.example.com:8443/audit"}, {"X-Forwarded-Proto": "http"},
     "https://audit.example.com:8443/audit"),
    ({"trusted_proxies": "127.0.0.1"}, {"X-Forwarded-Proto": "https"}, "https://localhost"),
    ({"trusted_proxies": "10.0.0.1"}, {"X-Forwarded-Proto": "https"}, "http://localhost"),
    ({}, {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}, "http://localhost"),
    ({"trusted_proxies": "127.0.0.1"}, {"X-Forwarded-Proto": "javascript"}, "http://localhost"),
])
def test_address_is_the_one_that_senders_need(
    production: list[Flask], sqlite_config: Config, tmp_path: Path, settings: dict[str, str], headers: dict[str, str],
    address: str,
) -> None:
    app = make(production, sqlite_config, tmp_path, **settings)
    assert file_of(app, headers) == f"{address}/webhook/audit/prod"


def test_pages_on_a_port_of_their_own_name_the_port_of_the_batches(
    production: list[Flask], mariadb_config: Config, tmp_path: Path
) -> None:
    app = make(production, mariadb_config, tmp_path, ui_port=8081, http_port=8080)
    assert file_of(app) == "http://localhost:8080/webhook/audit/prod"


def test_unknown_port_behind_a_proxy_is_said(production: list[Flask], sqlite_config: Config, tmp_path: Path) -> None:
    app = make(production, sqlite_config, tmp_path, trusted_proxies="127.0.0.1")
    assert "PUBLIC_URL is not set" in logged_in(app).get(FORM).get_data(as_text=True)
    app = make(production, sqlite_config, tmp_path, public_url="https://a.example", ui_users_file=str(tmp_path / "u"))
    assert "PUBLIC_URL" not in logged_in(app).get(FORM).get_data(as_text=True)


@pytest.mark.parametrize("value", [
    "audit.example.com", "ftp://a", "https://", "https://user@a", "https://a/?x", "https://a:0", "https://a:x",
    "https://ä",
])
def test_public_url_that_is_no_address_is_an_error_at_start(value: str) -> None:
    with pytest.raises(ConfigError, match="PUBLIC_URL"):
        Config.from_env({"WEBHOOK_TOKEN": "t", "PUBLIC_URL": value})


@pytest.mark.parametrize("value", ["prod", "prod=0", "prod=x", "Prod=1", "prod=1;x=2", "prod=1,"])
def test_expected_senders_that_cannot_be_read_are_an_error_at_start(value: str) -> None:
    with pytest.raises(ConfigError, match="EXPECTED_SENDERS"):
        Config.from_env({"WEBHOOK_TOKEN": "t", "EXPECTED_SENDERS": value})
    good = Config.from_env({"WEBHOOK_TOKEN": "t", "EXPECTED_SENDERS": "prod=3, staging = 1"})
    assert good.senders_of_clusters == {"prod": 3, "staging": 1}


def test_page_names_the_file_of_the_cluster_s_own_token(
    production: list[Flask], sqlite_config: Config, tmp_path: Path
) -> None:
    folder = tmp_path / "tokens"
    folder.mkdir()
    app = make(production, sqlite_config, tmp_path, webhook_token="", webhook_tokens_dir=str(folder))
    page = html.unescape(logged_in(app).get(FORM).get_data(as_text=True))
    assert f"a line of the file {folder}/prod" in page and "WEBHOOK_TOKEN in" not in page


# A name that no cluster can have


def test_impossible_name_is_told_as_such_whoever_s_token_it_is(tmp_path: Path) -> None:
    (tmp_path / "prod-eu").write_text("own-token")
    tokens = TokenCheck("", str(tmp_path))
    with pytest.raises(InvalidCluster, match="such as prod-eu$"):
        admit(tokens, "Prod_EU", "Bearer own-token", "")
    with pytest.raises(Forbidden, match="another cluster's"):
        admit(tokens, "prod-us", "Bearer own-token", "")
    with pytest.raises(Unauthenticated):
        admit(tokens, "Prod_EU", "Bearer wrong", "")
    with pytest.raises(InvalidCluster) as caught:
        admit(tokens, "<b>\n" * 90, "Bearer own-token", "")
    assert re.search(r"such as [a-z0-9.-]{1,63}$", str(caught.value))


# Who is heard


def test_state_is_green_only_while_every_known_sender_is_heard(
    production: list[Flask], sqlite_config: Config, tmp_path: Path
) -> None:
    app = make(production, sqlite_config, tmp_path, trusted_proxies="127.0.0.1", expected_senders="prod=2")
    reader, client = logged_in(app), app.test_client()

    def batch(address: str, token: str = TOKEN) -> int:
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": address}
        return client.post("/webhook/audit/prod", data=event_list([audit_event()]), headers=headers).status_code

    def state() -> str:
        return html.unescape(reader.get("/setup/status?cluster=prod").get_data(as_text=True))

    assert batch("192.0.2.1") == 200
    assert 'data-state="partly"' in state() and "1 of 2 senders heard" in state() and "1 never heard" in state()
    assert batch("192.0.2.2") == 200
    assert 'data-state="heard"' in state() and "prod is connected" in state()
    assert batch("192.0.2.3", "wrong") == 401
    shown = state()
    assert "192.0.2.3" in shown and "127.0.0.1" not in shown and 'data-state="heard"' not in shown
    later = context_of(app).clock() + 3_600_000_000
    app.extensions["audit_webhook"] = replace(context_of(app), clock=lambda: later)
    assert 'data-state="heard"' not in state() and "silent" in state()


def test_reader_limited_to_namespaces_sees_no_addresses(
    production: list[Flask], sqlite_config: Config, tmp_path: Path
) -> None:
    app = make(production, sqlite_config, tmp_path, trusted_proxies="127.0.0.1")
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "192.0.2.1"}
    assert app.test_client().post(
        "/webhook/audit/prod", data=event_list([audit_event()]), headers=headers
    ).status_code == 200
    reader = logged_in(app, "anna", "viewer", Scope(namespaces=frozenset({"shop"})))
    assert "192.0.2.1" not in reader.get("/setup/status?cluster=prod").get_data(as_text=True)


# The test command, behind the real nginx


@pytest.fixture(scope="module")
def behind_nginx(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Front]]:
    """The service as docs/connect.md sets it up, behind deploy/nginx."""
    folder, pages = tmp_path_factory.mktemp("setup-behind-nginx"), free_port()
    add_user(folder / "users", "alice")
    with ExitStack() as stack:
        login = stack.enter_context(LoginProxy())
        front = Front(folder, free_port(), pages, login.port, PROOF)
        settings = {
            "UI_PORT": str(pages), "UI_USERS_FILE": str(folder / "users"), "AUTH_PROXY_PEERS": "127.0.0.1",
            "AUTH_PROXY_USER_HEADER": "X-Audit-User", "AUTH_PROXY_SECRET_HEADER": "X-Audit-Proof",
            "AUTH_PROXY_SECRET": PROOF, "TRUSTED_PROXIES": "127.0.0.1",
            "PUBLIC_URL": f"https://127.0.0.1:{front.port}", **mariadb.environment("setup_behind_nginx"),
        }
        service = stack.enter_context(serving(folder, **settings))
        front = stack.enter_context(Front(folder, service.port, pages, login.port, PROOF, front.port))
        yield service, front


def run_command(page: str, folder: Path, token: str, authority: Path) -> str:
    """Put the page's kubeconfig and authority into a folder as on a node, and run the page's command there."""
    blocks = {name: html.unescape(text) for name, text in re.findall(r'id="([\w-]+)"[^>]*>([^<]*)</pre>', page)}
    kubeconfig = blocks["file-2"].replace(setup.TOKEN_PLACEHOLDER, token)
    (folder / "webhook.yaml").write_text(kubeconfig.replace(setup.FOLDER, str(folder)))
    (folder / "ca.crt").write_bytes(authority.read_bytes())
    command = blocks["test-command"].replace(setup.FOLDER, str(folder))
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=30).stdout


def test_test_command_works_as_it_is_copied_behind_nginx(
    behind_nginx: tuple[Service, Front], tmp_path: Path
) -> None:
    service, front = behind_nginx
    page = look(front, FORM.replace("tier=metadata", ""), Cookie="login=alice").body.decode()
    assert f"127.0.0.1:{front.port}" in page and "PUBLIC_URL is not set" not in page
    answer = run_command(page, tmp_path, TOKEN, front.certificate.chain)
    assert answer.startswith("HTTP/1.1 200") and json.loads(answer.splitlines()[-1])["stored"] == 1
    refused = run_command(page, tmp_path, "wrong", front.certificate.chain)
    assert refused.startswith("HTTP/1.1 401")


def test_senders_and_refusals_behind_nginx_have_their_own_addresses(behind_nginx: tuple[Service, Front]) -> None:
    _, front = behind_nginx
    for address, token, status in (("127.0.0.8", TOKEN, 200), ("127.0.0.9", "wrong", 401)):
        connection = http.client.HTTPSConnection(
            "127.0.0.1", front.port, source_address=(address, 0), context=front.certificate.client_context()
        )
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "203.0.113.7"}
        connection.request("POST", "/webhook/audit/other", event_list([audit_event()]), headers)
        assert connection.getresponse().status == status
        connection.close()
    end = time.monotonic() + 20
    page = ""
    while not ("127.0.0.8" in page and "127.0.0.9" in page) and time.monotonic() < end:
        page = look(front, "/setup/status?cluster=other", Cookie="login=alice").body.decode()
        time.sleep(0.2)
    assert "127.0.0.8" in page and "the token is not the one expected" in page
    assert re.search(r"from\s+<span[^>]*>127\.0\.0\.9<", page) and "203.0.113.7" not in page
    assert "127.0.0.1<" not in page


def test_plain_service_still_answers_its_own_test_command(tmp_path: Path) -> None:
    with serving(tmp_path, ENVIRONMENT="development") as service:
        page = get(f"{service.url}{FORM}").body.decode()
        command = html.unescape(re.findall(r'id="test-command"[^>]*>([^<]*)</pre>', page)[0])
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=30)
        assert done.stdout.startswith("HTTP/1.1 200")
        assert post(service.url, event_list([audit_event()])).status == 200
