"""Whoever sends is known by the true address behind trusted proxies, and by nothing that anybody else writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.errors import ConfigError
from audit_webhook.web.client_address import HOPS, find_client_address, is_trusted
from tests.conftest import Server
from tests.serving import exchange

ROOT = Path(__file__).resolve().parents[2]
PROXIES = "127.0.0.1, 10.0.0.0/8, fd00::/8"


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.1, 192.0.2.7", "192.0.2.7"),  # the first one was chosen by the client
        ("127.0.0.1", "192.0.2.7, 10.1.2.3", "192.0.2.7"),  # two proxies in a row
        ("127.0.0.1", "192.0.2.7,10.1.2.3,fd00::5", "192.0.2.7"),
        ("127.0.0.1", "10.9.9.9", "10.9.9.9"),  # a sender within the proxies' own network
        ("198.51.100.4", "192.0.2.7", "198.51.100.4"),  # not a trusted proxy
        ("127.0.0.1", "192.0.2.7:41234", "192.0.2.7"),
        ("127.0.0.1", "[2001:db8::7]:41234", "2001:db8::7"),
        ("127.0.0.1", "[2001:db8::7]", "2001:db8::7"),
        ("::ffff:127.0.0.1", "::ffff:192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7, evil\x00", "127.0.0.1"),
        ("127.0.0.1", "<script>, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "192.0.2.7, ", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7, 999.1.1.1", "127.0.0.1"),
        ("", "192.0.2.7", ""),
    ],
)
def test_address_is_the_last_that_a_trusted_proxy_wrote(peer: str, forwarded: str, address: str) -> None:
    assert find_client_address(peer, forwarded, PROXIES) == address


def test_nobody_is_believed_without_the_setting() -> None:
    assert find_client_address("127.0.0.1", "192.0.2.7", "") == "127.0.0.1"
    assert not is_trusted("127.0.0.1", "") and is_trusted("10.2.3.4", PROXIES)


@pytest.mark.parametrize("entry", ["10.0.0.1", "x", "", "1.2.3.4:5", "[", "fd00::1"])
def test_long_list_is_followed_no_further_than_a_few_proxies(entry: str) -> None:
    found = find_client_address("127.0.0.1", ",".join(["192.0.2.7", *[entry] * 5_000]), PROXIES)
    assert found != "192.0.2.7"
    chain = ",".join(["192.0.2.7", *["10.0.0.1"] * (HOPS - 1)])
    assert find_client_address("127.0.0.1", chain, PROXIES) == "192.0.2.7"


def test_wrong_network_is_an_error_at_start() -> None:
    with pytest.raises(ConfigError, match="TRUSTED_PROXIES='nginx'"):
        Config.from_env({"WEBHOOK_TOKEN": "t", "TRUSTED_PROXIES": "nginx"})


def test_one_place_reads_the_headers_of_proxies() -> None:
    package = ROOT / "audit_webhook"
    readers = {
        path.relative_to(package).as_posix() for path in package.rglob("*.py")
        if "X-Forwarded" in path.read_text("utf-8") or "X_FORWARDED" in path.read_text("utf-8")
    }
    # The login only asks whether such a header is there, to refuse a password; it believes none.
    readers.discard("access/blueprint.py")
    assert readers == {"web/request_address.py", "web/client_address.py", "config.py", "operate/server/gate.py"}


TRUST = pytest.mark.parametrize(("trusted", "address"), [("127.0.0.1", "192.0.2.7"), ("10.0.0.1", "127.0.0.1")])


def refused_peers(app: Flask) -> list[str]:
    """Give the addresses of the last refused requests."""
    context_of(app).refusals.flush()
    return [refusal.peer for refusal in context_of(app).repository.refusals.last_refusals()]


@TRUST
@pytest.mark.parametrize("head", ["Content-Length: 99999999999", "Content-Encoding: gzip\r\nContent-Length: 2"])
def test_refusal_before_the_body_names_the_true_sender(server: Server, trusted: str, address: str, head: str) -> None:
    object.__setattr__(context_of(server.app).config, "trusted_proxies", trusted)
    forwarded = "X-Forwarded-For: 203.0.113.9, 192.0.2.7"
    request = f"POST /webhook/audit/prod HTTP/1.1\r\nHost: x\r\n{forwarded}\r\n{head}\r\n\r\n"
    assert exchange(server.url, request.encode())[9:12] in (b"413", b"415")
    assert refused_peers(server.app) == [address]


@TRUST
def test_refusal_of_the_application_names_the_true_sender(sqlite_app: Flask, trusted: str, address: str) -> None:
    object.__setattr__(context_of(sqlite_app).config, "trusted_proxies", trusted)
    headers = {"X-Forwarded-For": "203.0.113.9, 192.0.2.7", "Content-Encoding": "gzip"}
    assert sqlite_app.test_client().post("/webhook/audit/prod", data=b"x", headers=headers).status_code == 415
    assert refused_peers(sqlite_app) == [address]
