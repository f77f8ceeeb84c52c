"""Recorded runs of kubectl become the commands that were typed: data/kubectl has what was agreed for each of them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from audit_webhook.kubectl import Card, cards_of, read_request
from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.registry import DuplicateCommand, command, registered
from audit_webhook.kubectl.run import Run
from tests.factories import audit_event, encode
from tests.recorded import ref

FOLDER = Path(__file__).parents[1] / "data" / "kubectl"
CASES = [
    json.loads(line) for path in sorted(FOLDER.glob("*.jsonl")) for line in path.read_text().splitlines()
]
every_case = pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])


def explain(events: list[dict[str, Any]]) -> list[Card]:
    return cards_of(read_request(encode(event), "prod") for event in events)


def told(*events: dict[str, Any]) -> str | None:
    """Give the only command of some events."""
    (card,) = explain(list(events))
    return card.command


def sent(query: str = "", **changes: Any) -> dict[str, Any]:
    """Make a patch of a deployment by kubectl, with its body recorded."""
    path = "/apis/apps/v1/namespaces/shop/deployments/web"
    target = ref("deployments", "web", "shop", group="apps")
    return audit_event(
        **{"level": "RequestResponse", "verb": "patch", "requestURI": path + query, "objectRef": target, **changes}
    )


@every_case
def test_recorded_run_becomes_the_agreed_cards(case: dict[str, Any]) -> None:
    shown = [
        {"command": card.command, "confidence": card.confidence, "events": list(card.audit_ids)}
        for card in explain(case["events"])
    ]
    assert shown == case["cards"]


@every_case
def test_without_bodies_each_event_is_still_on_one_card(case: dict[str, Any]) -> None:
    bare = [
        {key: value for key, value in event.items() if key not in ("requestObject", "responseObject")}
        | {"level": "Metadata"} for event in case["events"]
    ]
    cards = explain(bare)
    assert sorted({event["auditID"] for event in bare}) == sorted(each for card in cards for each in card.audit_ids)


@every_case
def test_every_line_is_one_kubectl_command_for_a_shell(case: dict[str, Any]) -> None:
    for card in explain(case["events"]):
        assert card.command is None or shlex.split(card.command)[0] == "kubectl"
        assert (card.command is None) == (card.confidence is None)


@pytest.mark.parametrize(
    ("query", "body", "line"),
    [
        ("?fieldManager=kubectl-label", {"metadata": {"labels": {"a": "b", "c": None}}},
         "kubectl label deployment web a=b c- -n shop"),
        ("?fieldManager=kubectl-patch", [{"op": "remove", "path": "/spec/x"}],
         """kubectl patch deployment web --type=json -p '[{"op":"remove","path":"/spec/x"}]' -n shop"""),
        ("?fieldManager=kubectl-rollout", {"spec": {"paused": True}}, "kubectl rollout pause deployment web -n shop"),
        ("?fieldManager=me&fieldValidation=Strict&force=true", {"kind": "Deployment"},
         "kubectl apply --server-side --force-conflicts -f - -n shop --field-manager=me"),
        ("?dryRun=All&fieldManager=kubectl-annotate", {"metadata": {"annotations": {"a": "b c"}}},
         "kubectl annotate deployment web 'a=b c' -n shop --dry-run=server"),
    ],
)
def test_change_becomes_the_command_that_makes_it(query: str, body: object, line: str) -> None:
    assert told(sent(query, requestObject=body)) == line


def test_program_that_is_not_kubectl_gets_an_equivalent() -> None:
    (card,) = explain([sent("", userAgent="curl/8", requestObject={"spec": {"replicas": 2}})])
    assert (card.command, card.confidence) == (
        """kubectl patch deployment web -p '{"spec":{"replicas":2}}' -n shop""", "equivalent",
    )


def test_what_no_kubectl_sends_has_no_form() -> None:
    (card,) = explain([audit_event(verb="options", requestURI="/x", objectRef=None)])
    assert (card.command, card.confidence, card.unknown) == (None, None, ("no kubectl form",))


def test_card_says_what_it_is_told_from_and_what_it_cannot_know() -> None:
    (card,) = explain([sent("?fieldManager=kubectl-label", requestObject={"metadata": {"labels": {"a": "b"}}})])
    assert "fieldManager=kubectl-label" in card.evidence
    assert "--overwrite" in card.unknown


def test_missing_body_is_never_exact() -> None:
    (card,) = explain([sent("?fieldManager=kubectl-label", level="Metadata")])
    assert (card.command, card.confidence) == ("kubectl label deployment web '<key>=<value>' -n shop", "likely")


def test_applied_manifest_comes_as_standard_input() -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}
    (card,) = explain([sent("?fieldManager=kubectl&force=false&fieldValidation=Strict", requestObject=body)])
    assert json.loads(card.stdin) == body


def test_two_functions_cannot_claim_the_same_requests() -> None:
    def other(run: Run) -> Line | None:
        return None

    with pytest.raises(DuplicateCommand):
        command("patch", manager="kubectl-label")(other)
    assert ("kubectl-label", "patch", "*", "") in registered()


# The command in a row comes from one event without its bodies: it is coarser where others of the run or bodies tell.
COARSER = {
    ("diff", "apply"), ("drain", "cordon"), ("describe", "get"), ("wait", "get"),
    ("cluster-info", "get"), ("debug", "create"), ("cp", "exec"), ("auth", "replace"), ("rollout", "patch"),
    ("top", "get"),
}


@every_case
def test_command_of_the_row_agrees_with_that_of_the_card(case: dict[str, Any]) -> None:
    for card in explain(case["events"]):
        if card.command and card.confidence == "exact" and card.main.resource:
            pair = (card.command.split(" ")[1], card.main.command)
            assert pair[0] == pair[1] or pair in COARSER


FLAGS: dict[str, list[str]] = json.loads((FOLDER.parent / "kubectl-flags.json").read_text())["flags"]
"""The flags of each command, from `--help` of kubectl 1.36; those of all commands under the empty name."""
DEPRECATED = ("--cpu-percent",)  # which is taken still, and no longer shown


@every_case
def test_no_line_has_a_flag_that_its_command_does_not_take(case: dict[str, Any]) -> None:
    """A line that kubectl refuses is never printed: `kubectl top nodes -A` was one."""
    for card in explain(case["events"]):
        words = shlex.split(card.command or "kubectl version")[1:]
        words = words[:words.index("--")] if "--" in words else words
        path = next(path for count in (3, 2, 1) if (path := " ".join(words[:count])) in FLAGS)
        flags = [word.partition("=")[0] for word in words if word.startswith("-") and word != "-"]
        assert set(flags) <= {*FLAGS[path], *FLAGS[""], *DEPRECATED}, card.command
