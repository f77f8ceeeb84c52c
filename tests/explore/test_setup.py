"""The first minute: the files are valid and safe whatever is typed, and the page tells what the cluster did."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from audit_webhook.explore.setup import files as setup
from audit_webhook.explore.setup import policy
from audit_webhook.storage.rejection_store import Refusal
from audit_webhook.storage.repository import Contact

HOSTILE = (
    'prod"\nusers: []',
    "prod: {a: b}",
    "../../etc/passwd",
    "prod\r\nX-Evil: 1",
    "<script>alert(1)</script>",
    "Prod",
    "a" * 64,
    "pröd",
    "prod;rm -rf /",
    "{{7*7}}",
)
HOSTILE_ADDRESSES = (
    'audit.example.com"\n  insecure-skip-tls-verify: true',
    "https://user:pass@audit.example.com",
    "https://audit.example.com/?x=1",
    "https://audit.example.com/#x",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://audit.example.com:99999",
    "https://audit.example.com:0",
    "https://[::1",
    "https://[evil]/",
    "https://audit.example.com/$(id)",
    "https://audit.example.com/a b",
    "https://-x",
    "https://",
)


def form(cluster: str = "prod", address: str = "https://audit.example.com:8443", **typed: str) -> setup.Form:
    return setup.read_form({"cluster": cluster, "address": address, **typed}, "http://localhost:8080")


def kubeconfig(wanted: setup.Form, token: str) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(setup.write_kubeconfig(wanted, token))
    return parsed


# The form


@pytest.mark.parametrize("cluster", HOSTILE)
def test_hostile_cluster_name_is_refused_at_its_field(cluster: str) -> None:
    assert set(form(cluster=cluster).problems) == {"cluster"}


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_hostile_address_is_refused_at_its_field(address: str) -> None:
    assert "address" in form(address=address).problems


@pytest.mark.parametrize(
    ("address", "transport"),
    [
        ("audit.example.com", "https"),
        ("audit.example.com:8080", "http"),
        ("10.0.0.5:8080", "http"),
        ("https://[2001:db8::1]:8443", "https"),
        ("https://audit.example.com/behind/a-proxy/", "https"),
    ],
)
def test_address_may_be_a_host_or_a_whole_url(address: str, transport: str) -> None:
    assert form(address=address, transport=transport).is_usable()


def test_empty_form_starts_from_the_address_of_this_page() -> None:
    empty = setup.read_form({}, "https://audit.example.com")
    assert (empty.cluster, empty.address, empty.transport) == ("prod", "audit.example.com", "https")
    assert empty.is_usable()


def test_other_transport_may_be_chosen_without_touching_the_address() -> None:
    first = setup.read_form({}, "http://localhost:8080")
    changed = form(address=first.address, transport="https")
    assert first.transport == "http"
    assert setup.webhook_address(changed) == "https://localhost:8080/webhook/audit/prod"


def test_address_that_contradicts_the_transport_is_refused() -> None:
    assert "begins with http://" in form(address="http://audit.example.com", transport="https").problems["address"]


def test_loopback_address_is_warned_about() -> None:
    assert "127.0.0.1" in setup.list_warnings(form(address="http://127.0.0.1:8080"), "0.0.0.0")[0]
    assert "HTTP_HOST" in setup.list_warnings(form(address="http://10.0.0.5:8080"), "127.0.0.1")[0]
    assert setup.list_warnings(form(), "0.0.0.0") == []


# The kubeconfig


def test_cluster_is_in_the_path_and_nothing_is_in_the_query() -> None:
    server = kubeconfig(form(address="https://audit.example.com/audit/"), "secret")["clusters"][0]["cluster"]["server"]
    assert server == "https://audit.example.com/audit/webhook/audit/prod"


def test_kubeconfig_s_names_refer_to_each_other() -> None:
    parsed = kubeconfig(form(), "secret")
    context = parsed["contexts"][0]
    assert (parsed["apiVersion"], parsed["kind"]) == ("v1", "Config")
    assert parsed["current-context"] == context["name"]
    assert context["context"] == {"cluster": parsed["clusters"][0]["name"], "user": parsed["users"][0]["name"]}


def test_token_over_https_is_a_bearer_token_with_an_authority() -> None:
    parsed = kubeconfig(form(), "secret")
    assert parsed["users"][0]["user"] == {"token": "secret"}
    assert parsed["clusters"][0]["cluster"]["certificate-authority"] == "/etc/kubernetes/audit/ca.crt"


@pytest.mark.parametrize("token", ["secret", 'a"b', "a/b@c:d#e?f", "ä \\ %", "'", "\u2028", "- x: y"])
def test_token_over_http_stands_in_the_address(token: str) -> None:
    parsed = kubeconfig(form(address="http://10.0.0.5:8080"), token)
    server = urlsplit(parsed["clusters"][0]["cluster"]["server"])
    assert parsed["users"][0]["user"] == {}
    assert (server.username, unquote(server.password or "")) == ("audit", token)
    assert (server.hostname, server.port, server.path) == ("10.0.0.5", 8080, "/webhook/audit/prod")


@pytest.mark.parametrize("token", ['a"b', "a\nb: c", "ä \\ %", "'", "\u2028", "- x: y", "{{7*7}}", "null", "123"])
def test_any_token_survives_the_kubeconfig(token: str) -> None:
    assert kubeconfig(form(), token)["users"][0]["user"]["token"] == token


def test_no_token_writes_no_user() -> None:
    for address in ("http://10.0.0.5:8080", "https://audit.example.com"):
        parsed = kubeconfig(form(address=address), "")
        assert parsed["users"][0]["user"] == {}
        assert "@" not in parsed["clusters"][0]["cluster"]["server"]


# The flags


@pytest.mark.parametrize("tier", policy.TIERS, ids=lambda tier: tier.key)
def test_flags_point_to_files_that_are_mounted_read_only(tier: policy.Tier) -> None:
    pod = yaml.safe_load(setup.write_manifest_part(tier))["spec"]
    container = pod["containers"][0]
    flags = dict(flag.removeprefix("--").split("=") for flag in container["command"])
    mount, volume = container["volumeMounts"][0], pod["volumes"][0]
    assert mount["name"] == volume["name"]
    assert mount["readOnly"] is True
    assert volume["hostPath"] == {"path": mount["mountPath"], "type": "Directory"}
    for name in ("audit-policy-file", "audit-webhook-config-file"):
        assert flags[name].startswith(mount["mountPath"] + "/")
    assert flags["audit-webhook-mode"] == "batch"


def test_bodies_are_cut_only_above_one_mebibyte() -> None:
    for tier in policy.TIERS:
        text = setup.write_manifest_part(tier)
        assert ("--audit-webhook-truncate-max-event-size=1048576" in text) == (tier.key != "metadata")
        assert ("--audit-webhook-truncate-enabled=true" in text) == (tier.key != "metadata")


def test_files_are_named_as_the_flags_name_them() -> None:
    policy_file, webhook_file, manifest = setup.write_files(form(), "secret")
    assert f"--audit-policy-file={policy_file.path}" in manifest.text
    assert f"--audit-webhook-config-file={webhook_file.path}" in manifest.text
    assert all(file.path.endswith("/" + file.name) for file in (policy_file, webhook_file, manifest))


# The test command


@pytest.mark.parametrize("token", ["secret", "a'b $(id) `id`", "x y"])
@pytest.mark.parametrize("address", ["https://audit.example.com", "http://10.0.0.5:8080"])
def test_test_command_is_one_curl_call_whatever_the_token(address: str, token: str) -> None:
    command = setup.write_test_command(form(address=address), token, 1_800_000_000_000_000)
    words = shlex.split(command.replace("\\\n", " "))
    assert words[0] == "curl"
    assert f"{address}/webhook/audit/prod" in words
    expected = f"Authorization: Bearer {token}" if address.startswith("https") else f"audit:{token}"
    assert expected in words
    item = json.loads(words[words.index("--data") + 1])["items"][0]
    assert item["stageTimestamp"] == "2027-01-15T08:00:00.000000Z"


def test_a_shell_reads_the_test_command_as_it_is_meant() -> None:
    command = setup.write_test_command(form(address="http://10.0.0.5:8080"), "it's $HOME", 1)
    script = 'curl() { printf "%s\\n" "$@"; }\n' + command
    printed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert "audit:it's $HOME" in printed.splitlines()


# The state of the connection

SECOND = 1_000_000
HOUR = 3600 * SECOND
NOW = 1_800_000_000 * SECOND


def contact(cluster: str = "prod", received: int = NOW - SECOND) -> Contact:
    return Contact(cluster, received, 10, 0)


def refusal(cluster: str = "prod", refused: int = NOW - SECOND) -> Refusal:
    return Refusal(cluster, refused, "the token is not the one expected", "10.0.0.1")


def test_cluster_that_was_never_heard_from_is_waited_for() -> None:
    assert setup.tell_status("prod", [], [], NOW).state == "waiting"


def test_cluster_is_heard_when_the_last_request_was_taken() -> None:
    status = setup.tell_status("prod", [contact()], [refusal(refused=NOW - 5 * SECOND)], NOW)
    assert (status.state, status.contact) == ("heard", contact())


def test_cluster_that_was_heard_long_ago_is_silent() -> None:
    assert setup.tell_status("prod", [contact(received=NOW - HOUR)], [], NOW).state == "silent"


def test_cluster_is_refused_when_the_last_request_was_refused() -> None:
    status = setup.tell_status("prod", [contact(received=NOW - 5 * SECOND)], [refusal()], NOW)
    assert (status.state, status.refusal) == ("refused", refusal())


def test_other_names_are_told_because_one_may_be_a_typing_error() -> None:
    status = setup.tell_status("prod", [contact("pord")], [refusal("prd"), refusal("old", NOW - 2 * HOUR)], NOW)
    assert status.state == "waiting"
    assert [other.cluster for other in status.others] == ["pord"]
    assert [other.cluster for other in status.other_refusals] == ["prd"]
