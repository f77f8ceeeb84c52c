"""Sentences of cards say what the recorded bodies tell: from how many to how many, which image, for whom."""

from __future__ import annotations

from typing import Any

import pytest

from audit_webhook.kubectl.sentences import sentence_of
from tests.factories import audit_event
from tests.recorded import FORBID, controller, ref, status, user
from tests.test_cards import PATH, WEB, scaled
from tests.test_kubectl import explain, sent


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
    assert told(denied) == "alice may not scale deployment web in shop"


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
