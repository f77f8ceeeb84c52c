"""Sentences of cards say what the recorded bodies tell: from how many to how many, which image, for whom."""

from __future__ import annotations

from typing import Any

import pytest

from audit_webhook.kubectl.sentences import sentence_of
from tests.factories import audit_event
from tests.kubectl.test_kubectl import explain, sent
from tests.recorded import FORBID, controller, ref, status, user
from tests.search.test_cards import PATH, WEB, scaled


def told(*events: dict[str, Any]) -> str:
    """Give the sentence of the only card of some events."""
    (card,) = explain(list(events))
    return sentence_of(card)


def deployment(image: str, **more: Any) -> dict[str, Any]:
    containers = [{"name": "app", "image": image}, {"name": "side", "image": "side:1"}]
    return {"kind": "Deployment", "spec": {"template": {"spec": {"containers": containers}}}, **more}


def images(before: object, after: object, **changes: Any) -> list[dict[str, Any]]:
    """Make a look at a deployment and the patch that follows it."""
    query = "?fieldManager=kubectl-client-side-apply&fieldValidation=Strict"
    patch = sent(query, requestObject={"spec": {"x": 1}}, responseObject=after, user=user("ci-bot"), **changes)
    look = audit_event(-0.02, verb="get", requestURI=PATH, objectRef=WEB, level="RequestResponse",
                       responseObject=before, user=user("ci-bot"))
    return [look, patch]


def test_scaling_says_from_how_many_to_how_many() -> None:
    assert told(*scaled(0, replicas=0)) == "alice scaled deployment web in shop from 3 to 0"
    assert told(scaled(0)[1]) == "alice scaled deployment web in shop to 5"


def test_scaling_that_failed_does_not_say_that_it_happened() -> None:
    look, patch = scaled(0)
    assert told(look, patch | {"responseStatus": status(409, "Conflict")}).startswith("alice tried to scale deployment")
    denied = patch | {"responseStatus": status(403, "Forbidden"), "annotations": FORBID}
    assert told(denied) == "alice was not allowed to scale deployment web in shop"


def test_scaling_without_bodies_says_no_number() -> None:
    assert told(scaled(0)[1] | {"level": "Metadata", "requestObject": None}) == "alice scaled deployment web in shop"


@pytest.mark.parametrize(("before", "after", "ending"), [
    ("api:1.8.2", "api:1.8.3", ": image 1.8.2 → 1.8.3"),
    ("r.example:5000/api:1", "r.example:5000/api:2", ": image 1 → 2"),
    ("api:1", "other:1", ": image api:1 → other:1"),
    ("r.example:5000/api", "r.example:5000/web", ": image r.example:5000/api → r.example:5000/web"),
    ("api:1", "api:1", ""),
    ("api:1", "a\u202e:1", ": image api:1 → a\\u202e:1"),
])
def test_change_of_an_image_is_told(before: str, after: str, ending: str) -> None:
    line = told(*images(deployment(before), deployment(after)))
    assert line == f"ci-bot changed deployment web in shop{ending}"


def test_rollout_is_told_by_what_it_does() -> None:
    body = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    patch = sent("?fieldManager=kubectl-rollout", requestObject=body)
    assert told(patch) == "alice restarted deployment web in shop"
    dry = sent("?dryRun=All&fieldManager=kubectl-rollout", requestObject=body)
    assert told(dry) == "alice restarted deployment web in shop (dry run: nothing was changed)"


def binding(*subjects: dict[str, str]) -> dict[str, Any]:
    return audit_event(
        verb="create", level="Request",
        objectRef=ref("rolebindings", "admins", "shop", group="rbac.authorization.k8s.io"),
        requestURI="/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings",
        responseStatus=status(201),
        requestObject={"subjects": list(subjects), "roleRef": {"kind": "ClusterRole", "name": "admin"}},
    )


def test_binding_says_who_gets_which_role() -> None:
    group = {"kind": "Group", "name": "shop-admins"}
    account = {"kind": "ServiceAccount", "name": "ci", "namespace": "shop"}
    assert told(binding(group)) == (
        "alice created role binding admins in shop: group shop-admins gets cluster role admin"
    )
    assert told(binding(group, account, account)).endswith(
        ": group shop-admins and service account shop/ci and 1 more get cluster role admin"
    )


def test_controller_says_for_what_it_made_an_object() -> None:
    owner = {"kind": "Job", "name": "nightly-1", "controller": True}
    made = audit_event(
        verb="create", level="RequestResponse", user=controller("job-controller"),
        userAgent="kube-controller-manager/v1",
        objectRef=ref("pods", "nightly-1-x", "shop"), requestURI="/api/v1/namespaces/shop/pods",
        responseStatus=status(201), requestObject={"metadata": {"ownerReferences": ["odd", owner]}},
    )
    assert told(made) == "the job controller created pod nightly-1-x in shop for job nightly-1"
    assert "for job" not in told(made | {"user": user("mallory")})


@pytest.mark.parametrize("odd", [
    None, [], "x", 7, {"spec": 3}, {"spec": {"replicas": "5"}}, {"subjects": [{"kind": 7}]},
    {"metadata": {"ownerReferences": [{"controller": True, "kind": {}, "name": []}]}},
])
def test_odd_bodies_tell_nothing(odd: object) -> None:
    look, patch = scaled(0)
    told(look | {"responseObject": odd}, patch | {"requestObject": odd})
    told(*images(odd, odd))
    told(binding() | {"requestObject": odd})
    told(binding() | {"requestObject": odd, "user": controller("job-controller")})


NODE = "/api/v1/nodes/n1"


def deleted(name: str, seconds: float = 0, **changes: Any) -> dict[str, Any]:
    return audit_event(
        seconds, verb="delete", level="Request", objectRef=ref("configmaps", name, "shop"),
        requestURI=f"/api/v1/namespaces/shop/configmaps/{name}",
        requestObject={"propagationPolicy": "Background"}, **changes,
    )


def test_what_succeeded_is_told_beside_what_failed() -> None:
    line = told(deleted("gone", responseStatus=status(404, "NotFound")), deleted("here", 0.02))
    assert line == (
        "alice deleted configmap here in shop, but could not delete configmap gone in shop: not found"
    )
    refused = {"responseStatus": status(403, "Forbidden"), "annotations": FORBID}
    assert told(deleted("a", **refused), deleted("b", 0.02, **refused)) == (
        "alice tried to delete 2 objects: configmap a, configmap b in shop: not allowed"
    )


def test_deletion_that_may_have_been_a_dry_run_is_told_as_asked_for() -> None:
    line = told(deleted("a") | {"level": "Metadata", "requestObject": None})
    assert line == "alice asked to delete configmap a in shop (whether as a dry run was not recorded)"
    dry = deleted("a") | {"requestObject": {"propagationPolicy": "Background", "dryRun": ["All"]}}
    assert told(dry) == "alice deleted configmap a in shop (dry run: nothing was changed)"


@pytest.mark.parametrize(("labels", "ending"), [
    ({"a": "b"}, ": set a"), ({"a": None}, ": removed a"), ({"a": "b", "c": None}, ": set a, removed c"),
    ({name: "x" for name in "abcde"}, ": set a, b, c and 2 more"), ({}, ""),
])
def test_labels_that_were_set_are_told_apart_from_those_removed(labels: dict[str, Any], ending: str) -> None:
    patch = sent("?fieldManager=kubectl-label", requestObject={"metadata": {"labels": labels}})
    assert told(patch) == f"alice labelled deployment web in shop{ending}"


@pytest.mark.parametrize(("before", "after", "ending"), [
    ([], [("b", "2")], ": added b=2:NoSchedule"), ([("a", "1"), ("b", "2")], [("b", "2")], ": removed a=1:NoSchedule"),
    ([("a", "1")], [("b", "2")], ": added b=2:NoSchedule, removed a=1:NoSchedule"),
    (None, [("b", "2")], ": now b=2:NoSchedule"), (None, [], ": now none"),
])
def test_taints_are_told_by_what_was_there_before(before: Any, after: Any, ending: str) -> None:
    def node(taints: list[tuple[str, str]]) -> dict[str, Any]:
        return {"spec": {"taints": [{"key": key, "value": value, "effect": "NoSchedule"} for key, value in taints]}}

    look = audit_event(-0.01, verb="get", requestURI=NODE, objectRef=ref("nodes", "n1"), level="RequestResponse")
    patch = audit_event(
        verb="patch", level="Request", objectRef=ref("nodes", "n1"), requestObject=node(after),
        requestURI=f"{NODE}?fieldManager=kubectl-taint&fieldValidation=Strict",
    )
    assert told(look | ({"responseObject": node(before)} if before is not None else {}), patch) == (
        f"alice changed the taints of node n1{ending}"
    )


def test_several_types_are_listed_in_one_sentence() -> None:
    lists = [
        audit_event(number / 1000, verb="list", objectRef=ref(resource, "", "shop"),
                    requestURI=f"/api/v1/namespaces/shop/{resource}?limit=500")
        for number, resource in enumerate(("configmaps", "secrets", "pods"))
    ]
    assert told(*lists) == "alice listed configmaps, secrets and pods in shop"


def test_command_in_a_container_is_told_as_asked_for() -> None:
    """Code 101 says that the session was opened, and nothing of what became of the command."""
    ran = audit_event(
        verb="get", objectRef=ref("pods", "web-0", "shop", "exec"), responseStatus=status(101),
        requestURI="/api/v1/namespaces/shop/pods/web-0/exec?command=ls&command=%2Ftmp&container=app&stdout=true",
    )
    assert told(ran).startswith("alice asked to run “ls /tmp” in pod web-0 in shop")


def test_certificate_is_told_as_approved_or_denied() -> None:
    for kind, word in (("Approved", "approved"), ("Denied", "denied")):
        request = audit_event(
            verb="update", level="Request", requestObject={"status": {"conditions": [{"type": kind}]}},
            objectRef=ref("certificatesigningrequests", "dev", "", "approval", group="certificates.k8s.io"),
            requestURI="/apis/certificates.k8s.io/v1/certificatesigningrequests/dev/approval",
        )
        assert told(request) == f"alice {word} certificate signing request dev"
