"""The program behind a user agent is named by what it is, whatever its file is called."""

from __future__ import annotations

import pytest

from audit_webhook.events.command_word import command_of
from audit_webhook.events.user_agents import client_of, kubectl_version, program_of

PLATFORM = "(linux/amd64) kubernetes/98b3519"
NAMES = [
    "kubectl", "kubectl.exe", "Kubectl.EXE", "kubectl1.25.0", "kubectl-v1.30", "kubectl_1.28", "kubectl.1.29",
    "kubectl-1.30.2", "kubectl-linux-amd64", "kubectl-v1.31.0-darwin-arm64", "kubectl-windows-amd64.exe",
    "kubectl-1.29.exe", "kubectl.real", "kubectl27", r"C:\Program Files\kubectl.exe", r"D:\bin\kubectl-v1.30.exe",
    "/usr/local/bin/kubectl",
]


@pytest.mark.parametrize("name", NAMES)
def test_kubectl_by_any_usual_name_is_kubectl(name: str) -> None:
    agent = f"{name}/v1.34.1 {PLATFORM}"
    assert (client_of(agent), kubectl_version(agent)) == ("kubectl", (1, 34))


@pytest.mark.parametrize(("agent", "client"), [
    (f"kubectl-argo-rollouts/v1.7.2 {PLATFORM}", "kubectl-argo-rollouts"),
    (f"kubectl-cnpg/v1.24 {PLATFORM}", "kubectl-cnpg"),
    (f"kubectl-view-secret.exe/v0.12 {PLATFORM}", "kubectl-view-secret.exe"),
    (f"mykubectl/v1.30.0 {PLATFORM}", "mykubectl"),
    (f"oc/4.14.0 {PLATFORM}", "oc"),
    ("kubectlx/v1.30.0", "kubectlx"),
    ("", ""),
])
def test_plugins_and_other_programs_keep_their_names(agent: str, client: str) -> None:
    assert client_of(agent) == client
    assert kubectl_version(agent) is None


@pytest.mark.parametrize(("version", "word"), [("v1.17.4", "patch"), ("v1.18.0", "cordon"), ("v0.0.0", "cordon")])
def test_node_patch_of_a_kubectl_without_managers_is_no_cordon(version: str, word: str) -> None:
    assert command_of(program_of(f"kubectl/{version} {PLATFORM}"), "patch", "", "nodes", "", "") == word
