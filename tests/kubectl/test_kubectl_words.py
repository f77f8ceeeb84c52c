"""A line that somebody copies runs kubectl and nothing else, and shows no secret."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from audit_webhook.kubectl import Card, cards_of, read_request
from audit_webhook.kubectl.words import join, mask
from tests.factories import audit_event, encode
from tests.recorded import ref, status

HOSTILE = [
    "$(touch pwned)", "`touch pwned`", "a;touch pwned", "a\ntouch pwned\n", "a' ; touch pwned ; '", "\u202etouch pwned",
    "-n=kube-system", "--kubeconfig=/tmp/x", "a b", "~root",
    "=ls", "!!", "a\x1b]0;x\x07", "a\rb", "*", "ż😀", "$HOME", "a\\",
]


def card(**changes: Any) -> Card:
    (found,) = cards_of([read_request(encode(audit_event(**changes)), "prod")])
    return found


def ran(*words: str) -> Card:
    query = "&".join(f"command={percent(word)}" for word in words)
    return card(
        verb="get", requestURI=f"/api/v1/namespaces/shop/pods/web-0/exec?{query}&container=app&stdout=true",
        objectRef=ref("pods", "web-0", "shop", "exec"), responseStatus=status(101),
    )


def percent(word: str) -> str:
    return "".join(f"%{byte:02X}" for byte in word.encode())


def run_in_shell(line: str, folder: Path) -> list[str]:
    """Run a line in a real shell whose kubectl writes down its arguments; gives them."""
    tool = folder / "kubectl"
    tool.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\0" "$word"; done > "$(dirname "$0")/seen"\n')
    tool.chmod(0o755)
    subprocess.run(["sh", "-c", line], cwd=folder, env={"PATH": f"{folder}:/usr/bin:/bin"}, check=True, timeout=20)
    return (folder / "seen").read_bytes().decode().split("\0")[:-1]


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_argument_reaches_only_kubectl(word: str, tmp_path: Path) -> None:
    line = ran("echo", word).command
    assert line is not None
    arguments = run_in_shell(line, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kubectl", "seen"]
    assert arguments[arguments.index("--") + 1] == "echo"
    assert len(arguments) == arguments.index("--") + 3


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_name_is_never_a_flag(word: str, tmp_path: Path) -> None:
    found = card(verb="delete", objectRef=ref("configmaps", word, "shop"), requestURI="/api/v1/x")
    if found.command is None:
        return
    arguments = run_in_shell(found.command, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kubectl", "seen"]
    assert not any(argument.startswith(("--kubeconfig", "-n=")) for argument in arguments)


@pytest.mark.parametrize("word", ["\u202etouch", "a\x1b]0;x\x07", "a\rb", "\u2066a"])
def test_characters_that_act_are_written_out_and_the_line_is_not_exact(word: str) -> None:
    found = ran("echo", word)
    assert found.command is not None and found.command.isascii() and found.command.isprintable()
    assert found.confidence == "likely"


def test_plain_words_come_back_from_a_shell_as_they_were() -> None:
    words = ["kubectl", "exec", "--", "printf", "%s\n", "a  b", "", "tab\there", "it's", "$(id)", "zażółć 😀", "=x", "~"]
    assert shlex.split(join(words)) == words


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["mysql", "--password=hunter2"], ["mysql", "--password=***"]),
        (["curl", "--token", "abc", "http://x"], ["curl", "--token", "***", "http://x"]),
        (["env", "API_KEY=abc", "LEVEL=debug"], ["env", "API_KEY=***", "LEVEL=debug"]),
        (["curl", "-H", "Authorization: Bearer abcdefgh"], ["curl", "-H", "Authorization: Bearer ***"]),
        (["curl", "https://user:secret@host/x"], ["curl", "https://user:***@host/x"]),
        (["echo", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"], ["echo", "***"]),
        (["ls", "-la", "/etc"], ["ls", "-la", "/etc"]),
    ],
)
def test_passwords_and_tokens_are_masked(words: list[str], shown: list[str]) -> None:
    assert mask(words) == shown


def test_masked_command_says_that_it_is_masked() -> None:
    found = ran("mysql", "--password=hunter2")
    assert found.command is not None and "hunter2" not in found.command
    assert "values that look like secrets are masked" in found.unknown


def test_secret_shows_its_keys_and_never_its_values() -> None:
    body = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"password": "aHVudGVyMg=="}, "type": "Opaque"}
    found = card(
        level="RequestResponse", verb="create", objectRef=ref("secrets", "s", "shop"), requestObject=body,
        requestURI="/api/v1/namespaces/shop/secrets?fieldManager=kubectl-create&fieldValidation=Strict",
    )
    assert found.command == "kubectl create secret generic s '--from-literal=password=***' -n shop"
    assert "aHVudGVyMg" not in repr(found.command) + found.stdin
