"""``kubectl audit`` answers over HTTPS what a reader may see, and says what to do when it cannot."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audit_webhook import cli
from audit_webhook.client.main import main
from audit_webhook.client.servers import FILE, read_settings
from audit_webhook.client.verbs import VERBS
from tests import story
from tests.client.conftest import Site
from tests.code_files import ROOT
from tests.factories import audit_event, event_list


class Laptop:
    """A command line that is logged in."""

    def __init__(
        self, site: Site, user: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._capsys = capsys
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{site.tokens[user]}\n"))
        self.greeting = self.run("login", site.url, "--ca-file", site.certificate, "--token-stdin")

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a verb; return its exit code, its output and its notes."""
        self._capsys.readouterr()
        code = main(arguments)
        return code, *self._capsys.readouterr()

    def rows(self, *arguments: str) -> Any:
        """Return the document of a verb."""
        return json.loads(self.run(*arguments, "-o", "json")[1])


@pytest.fixture
def root(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Laptop:
    return Laptop(site, "root", monkeypatch, capsys)


@pytest.fixture
def eve(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Laptop:
    return Laptop(site, "eve", monkeypatch, capsys)


def test_token_is_kept_where_only_its_owner_reads_it(root: Laptop, home: Path) -> None:
    assert root.greeting[0] == 0 and "signed in" in root.greeting[1]
    kept = home / "audit-webhook" / FILE
    assert kept.stat().st_mode & 0o777 == 0o600
    assert root.run("logout")[0] == 0 and read_settings().servers == {}


def test_who_deleted_it_is_one_question(root: Laptop) -> None:
    code, text, _ = root.run("who", "deleted", "cm/app-config", "-n", "staging", "--since", "2026-11-01")
    assert code == 0
    assert [line.split()[2] for line in text.splitlines()[1:]] == ["mallory", "carol"]
    assert root.run("who", "deleted", "cm/nothing")[0] == 1


@pytest.mark.parametrize("words", [["deploy/cart"], ["deployment", "cart"], ["deployments.apps/cart"]])
def test_types_are_taken_as_kubectl_takes_them(root: Laptop, words: list[str]) -> None:
    changes = root.rows("history", *words, "-n", "shop")["changes"]
    assert [each["deed"] for each in changes][-1] == "created"


def test_history_shows_what_changed_and_blame_who_set_each_line(root: Laptop) -> None:
    text = root.run("history", "deploy/cart", "-n", "shop", "--diff")[1]
    assert "\n    +" in text and "kubectl apply" in text
    lines = root.run("blame", "deploy/cart", "-n", "shop")[1].splitlines()
    assert any("alice" in line and "name: cart" in line for line in lines)


def test_around_marks_the_event_and_keeps_to_what_is_shared(root: Laptop) -> None:
    (found,) = [json.loads(root.run("search", "user:mallory name:feature-flags", "-o", "json")[1])]
    rows = root.run("around", found["id"], "--minutes", "2", "--same", "actor")[1].splitlines()[1:]
    assert [line.startswith("> ") for line in rows] == [False, True]
    assert {each["effective_user"] for each in root.rows("around", found["id"], "--same", "actor")} == {"mallory"}


def test_actor_permission_and_least_privilege_are_answered(root: Laptop) -> None:
    assert story.INTRUDER in root.run("actor", "alice", "--cluster", "prod")[1]
    used = root.rows("can-who", "read", "secrets", "-n", "shop", "--since", "2026-11-01")
    assert story.REPORTER in {each["user"] for each in used}
    text = root.run("least-privilege", story.REPORTER, "--cluster", "prod", "--since", "all")[1]
    assert "kind: Role" in text and "- secrets" in text and "*" not in text
    assert root.run("permissions", "--cluster", "prod", "--since", "all")[0] == 0
    code, _, said = root.run("actor", "alice")
    assert code == 2 and "--cluster" in said


def test_tail_shows_what_arrives(root: Laptop, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = site.server.app.test_client()

    def arrive(seconds: float) -> None:
        if not sent:
            event = audit_event(user={"username": "late", "groups": []})
            batch = event_list([event])
            sent.append(client.post("/webhook/audit/prod", data=batch, headers={"Authorization": "Bearer t"}))
            return
        raise KeyboardInterrupt

    sent: list[Any] = []
    monkeypatch.setattr("audit_webhook.client.event_verbs.time.sleep", arrive)
    code, text, _ = root.run("tail", "-f", "user:late", "--lines", "1")
    assert code == 0 and text.count("late") >= 1


def test_reader_of_a_namespace_gets_that_and_is_told_of_the_rest(eve: Laptop) -> None:
    found = [json.loads(line) for line in eve.run("search", "-o", "json", "--limit", "0")[1].splitlines()]
    assert found and {(each["cluster"], each["namespace"]) for each in found} == {("staging", "staging")}
    for arguments in (["actor", "alice", "--cluster", "staging"], ["least-privilege", "x", "--cluster", "staging"],
                      ["permissions", "--cluster", "staging"], ["verify"]):
        code, text, said = eve.run(*arguments)
        assert (code, text) == (2, "") and "not allowed" in said, arguments
    assert eve.run("event", found[0]["id"])[0] == 0
    assert "limited to the namespaces staging" in eve.run("clusters")[2]


@pytest.mark.parametrize("verb", sorted(VERBS))
@pytest.mark.parametrize("form", ["table", "wide", "yaml", "name"])
def test_every_verb_has_every_form(root: Laptop, verb: str, form: str) -> None:
    found = json.loads(root.run("search", "user:mallory name:feature-flags", "-o", "json")[1])
    rest = {
        "who": ["deleted", "cm/app-config", "-n", "staging"], "history": ["cm/app-config", "-n", "staging"],
        "blame": ["deploy/cart", "-n", "shop"], "event": [found["id"]], "around": [found["id"]],
        "actor": ["alice"], "can-who": ["get", "secrets"], "least-privilege": ["alice"],
        "search": ["user:alice", "--limit", "3"], "open": ["--print", found["id"]],
    }
    cluster = "staging" if verb in ("history", "who") else "prod"
    code, text, said = root.run(verb, *rest.get(verb, []), "--cluster", cluster, "-o", form)
    assert code in (0, 1), said
    assert "\x1b" not in text


def test_context_of_kubectl_names_the_cluster(root: Laptop, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "config").write_text("apiVersion: v1\ncurrent-context: staging\ncontexts: []\n")
    monkeypatch.setenv("KUBECONFIG", str(home / "config"))
    assert {each["cluster"] for each in root.rows("who", "deleted", "cm/app-config")} == {"staging"}
    assert read_settings().clusters == {"staging": "staging"}
    (home / "config").write_text("current-context: admin@elsewhere\n")
    assert "use-cluster" in root.run("search", "--limit", "1")[2]
    assert root.run("use-cluster", "prod")[0] == 0
    assert json.loads(root.run("search", "-o", "json", "--limit", "1")[1])["cluster"] == "prod"


def test_hostile_event_cannot_drive_the_terminal(root: Laptop, site: Site) -> None:
    name = "\x1b[2J\x1b]52;c;ZXZpbA==\x07\u202eevil\r\n"
    event = audit_event(user={"username": name, "groups": [name]}, userAgent=name, auditID="hostile-terminal")
    site.server.app.test_client().post(
        "/webhook/audit/prod", data=event_list([event]), headers={"Authorization": "Bearer t"}
    )
    identifier = json.loads(root.run("search", "audit:hostile-terminal", "-o", "json")[1])["id"]
    for form in ("table", "wide", "json", "yaml", "name"):
        for arguments in (["search", "audit:hostile-terminal"], ["event", identifier], ["around", identifier]):
            text = "".join(root.run(*arguments, "-o", form)[1:])
            assert not set(text) & set("\x1b\x07\r\u202e"), (form, arguments)


@pytest.mark.parametrize(("arguments", "said"), [
    (["login", "http://audit.example.com"], "https://"),
    (["login", "not an address"], "no address"),
    (["search"], "kubectl audit login"),
    (["--server", "nowhere", "search"], "kubectl audit login URL --name nowhere"),
    (["--server", "https://127.0.0.1:9", "search"], "cannot be reached"),
    (["use", "nowhere"], "no server"),
    (["use-cluster", "prod"], "no current context"),
])
def test_mistake_is_answered_with_what_to_do(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_certificate_that_is_not_trusted_gets_no_token(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--server", site.url, "search"]) == 2
    assert "--ca-file" in capsys.readouterr().err


def test_same_verb_answers_from_the_database_of_this_machine(
    root: Laptop, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["who", "deleted", "cm/app-config", "-n", "staging", "--since", "2026-11-01", "-o", "json"]
    there = root.run(*arguments)[1]
    monkeypatch.setattr("audit_webhook.command_line.load_settings", lambda: site.server.config)
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == there
    assert cli.main(["--server", "default", *arguments]) == 0
    assert capsys.readouterr().out == there


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_written_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert all(verb in text for verb in VERBS) and "deployments" in text
    if shell == "bash":
        words = "COMP_WORDS=(kubectl-audit who deleted conf); COMP_CWORD=3; _kubectl_audit; echo ${COMPREPLY[*]}"
        answer = subprocess.run(["bash", "-c", f"{text}\n{words}"], capture_output=True, text=True, check=True)
        assert answer.stdout.split() == ["configmaps"]


def test_client_needs_the_standard_library_alone() -> None:
    code = "import audit_webhook.client.main, sys; print(*{name.split('.')[0] for name in sys.modules})"
    command = [sys.executable, "-S", "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert set(loaded.split()) - sys.stdlib_module_names - {"audit_webhook", "__main__"} == set()
