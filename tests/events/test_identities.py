"""Who acted: people behind proxies, cloud control planes, and names that somebody uses who should not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit_webhook.events.event import Event
from audit_webhook.events.identities import ORIGINAL_USER, effective_user, kind_of, proxy_name
from audit_webhook.humanize import emphasis, summary, why
from audit_webhook.kubectl import cards_of, read_request
from tests.factories import audit_event, encode
from tests.recorded import KUBELET, MANAGER, controller, read, ref, user

RANCHER = "system:serviceaccount:cattle-impersonation-system:cattle-impersonation-u-b4qkh"
RBAC = "rbac.authorization.k8s.io"
CURL = "curl/8.5.0"
OUTSIDE = ["203.0.113.66"]


def through(proxy: str, person: str, **changes: Any) -> dict[str, Any]:
    return {"user": {"username": proxy}, "impersonatedUser": {"username": person}, **changes}


PROXIES = [
    (RANCHER, "Rancher"),
    ("system:serviceaccount:cattle-system:kontainer-engine", "Rancher"),
    ("system:serviceaccount:pinniped-concierge:impersonation-proxy", "Pinniped"),
    ("system:serviceaccount:teleport:teleport-kube-agent", "Teleport"),
    ("system:serviceaccount:tailscale:operator", "Tailscale"),
    ("system:serviceaccount:azure-arc:azure-arc-kube-aad-proxy-sa", "Azure Arc"),
    ("system:serviceaccount:gke-connect:connect-agent-sa", "Connect gateway"),
    ("system:serviceaccount:auth:kube-oidc-proxy", "service account auth/kube-oidc-proxy"),
    ("kube-oidc-proxy", "kube-oidc-proxy"),
    ("teleport", "Teleport"),
    ("arn:aws:sts::111122223333:assumed-role/teleport-agent/i-0abc", "Teleport"),
]


@pytest.mark.parametrize(("proxy", "name"), PROXIES)
def test_person_behind_a_proxy_is_the_one_who_acted(proxy: str, name: str) -> None:
    event = read(verb="delete", **through(proxy, "alice"))
    assert (event.effective_user, event.user, event.impersonated_user) == ("alice", proxy, "alice")
    assert event.kind == "human"
    assert summary(event) == f"alice, through {name}, deleted pod web-0 in shop"
    assert emphasis(event) == "plain"


@pytest.mark.parametrize("person", [
    "bob", "system:admin", "oidc:bob", "kubernetes-admin", "bob@proxy.example.org", "arn:aws:iam::1:user/bob",
    "github:proxy-team/bob",
])
def test_person_who_borrows_rights_stays_the_person(person: str) -> None:
    event = read(verb="delete", **through(person, "system:serviceaccount:shop:deployer"))
    assert (event.effective_user, event.kind) == (person, "human")
    assert ", acting as service account shop/deployer," in summary(event)
    assert why(event) == "with the rights of another user"


def test_person_who_borrows_rights_through_pinniped_stays_the_person() -> None:
    original = json.dumps({"username": "alice", "groups": ["dev"]})
    event = read(
        user={"username": "system:serviceaccount:pinniped-concierge:proxy"},
        impersonatedUser={"username": "system:serviceaccount:shop:deployer", "extra": {ORIGINAL_USER: [original]}},
    )
    assert (event.effective_user, event.kind) == ("alice", "human")
    assert summary(event).startswith("alice, through Pinniped, acting as service account shop/deployer, read")


@pytest.mark.parametrize("original", ["", "{", "[]", "7", '{"username":7}', '{"username":""}', "[" * 70_000])
def test_what_names_no_original_user_is_passed_over(original: str) -> None:
    assert effective_user("system:serviceaccount:p:p", (), "alice", original) == "alice"


def test_extra_values_of_a_person_rename_nobody() -> None:
    event = read(user={"username": "mallory"}, impersonatedUser={
        "username": "bob", "extra": {ORIGINAL_USER: ['{"username":"alice"}']},
    })
    assert event.effective_user == "mallory"


@pytest.mark.parametrize(("name", "groups", "agent", "kind"), [
    ("eks:node-manager", (), "vpcLambda/v0.0.0", "controlplane"),
    ("eks:addon-manager", (), "Go-http-client/1.1", "controlplane"),
    ("aksService", ("system:masters",), "hcp-controller/v0", "controlplane"),
    ("service-12@container-engine-robot.iam.gserviceaccount.com", (), "x/1", "controlplane"),
    ("ci@project.iam.gserviceaccount.com", (), "x/1", "serviceaccount"),
    ("kube-node", ("system:nodes",), KUBELET, "node"),
    ("system:bootstrap:abcdef", ("system:bootstrappers",), "kubeadm/v1.36.2", "node"),
    ("masterclient", ("system:masters",), "kubectl/v1.31.0", "human"),
    ("eks", (), "x/1", "human"),
    ("aksServices", (), "x/1", "human"),
    ("aksService", ("system:masters",), CURL, "human"),
    ("eks:node-manager", (), "kubectl/v1.31.0", "human"),
    ("system:kube-controller-manager", (), CURL, "human"),
    ("system:node:n1", ("system:nodes",), "kubectl/v1.31.0", "human"),
    ("system:serviceaccount:kube-system:node-controller", (), "kubectl/v1.31.0", "human"),
    ("system:serviceaccount:ci:bot", (), "kubectl/v1.31.0", "serviceaccount"),
    ("system:anonymous", (), CURL, "anonymous"),
])
def test_kind_follows_from_name_groups_and_program(name: str, groups: tuple[str, ...], agent: str, kind: str) -> None:
    event = read(user={"username": name, "groups": list(groups)}, userAgent=agent)
    assert event.kind == kind
    assert kind_of(name, groups, event.client) == kind


BINDING = {"verb": "create", "objectRef": ref("clusterrolebindings", "pwn", group=RBAC)}
SECRETS = {"verb": "list", "objectRef": ref("secrets"), "requestURI": "/api/v1/secrets"}
NODE_PROXY = {"objectRef": ref("nodes", "n1", subresource="proxy"), "userAgent": CURL,
              "user": user("system:serviceaccount:ci:np")}
LOUD: list[tuple[str, dict[str, Any]]] = [
    ("hot", {**BINDING, "user": controller("clusterrole-aggregation-controller"), "sourceIPs": OUTSIDE}),
    ("hot", {**BINDING, "user": controller("clusterrole-aggregation-controller"), "userAgent": MANAGER}),
    ("hot", {**BINDING, "user": user("system:bootstrap:abcdef"), "userAgent": CURL}),
    ("hot", {**BINDING, "user": user("system:bootstrap:abcdef"), "userAgent": KUBELET}),
    ("hot", {**BINDING, "user": user("system:kube-scheduler"), "userAgent": "kube-scheduler/v1.36.2"}),
    ("hot", {**SECRETS, "user": user("system:kube-controller-manager"), "userAgent": CURL}),
    ("hot", {**SECRETS, "user": user("system:kube-controller-manager"), "userAgent": MANAGER, "sourceIPs": OUTSIDE}),
    ("hot", {**SECRETS, "user": user("aksService"), "userAgent": "kubectl/v1.31.0"}),
    ("hot", {**NODE_PROXY, "verb": "create", "requestURI": "/api/v1/nodes/n1/proxy/run/shop/web-0/app?cmd=id"}),
    ("warm", {**NODE_PROXY, "requestURI": "/api/v1/nodes/n1/proxy/runningpods/"}),
    ("warm", {"user": user("system:kube-scheduler"), "userAgent": CURL}),
    ("warm", {"verb": "patch", "user": user("system:serviceaccount:ci:bot"), "impersonatedUser": user("system:admin")}),
    ("warm", {"user": user("system:serviceaccount:ci:bot"), "impersonatedUser": user("system:kube-scheduler")}),
    ("warm", {"user": user("system:node:n1"), "userAgent": "kubectl/v1.31.0"}),
]
CALM: list[tuple[str, dict[str, Any]]] = [
    ("quiet", {"verb": "patch", "user": user("system:serviceaccount:flux-system:kustomize-controller"),
               "impersonatedUser": user("system:serviceaccount:shop:flux"), "userAgent": "kustomize-controller/v1"}),
    ("quiet", {**SECRETS, "user": user("aksService"), "userAgent": "hcp-controller/v0"}),
    ("quiet", {**SECRETS, "user": user("system:kube-controller-manager"), "userAgent": MANAGER}),
    ("quiet", {"verb": "delete", "objectRef": ref("nodes", "n1"), "user": user("eks:node-manager"),
               "userAgent": "vpcLambda/v0.0.0"}),
    ("quiet", {**BINDING, "user": user("system:apiserver"), "userAgent": "kube-apiserver/v1.36.2"}),
    ("quiet", {"verb": "create", "objectRef": ref("certificatesigningrequests", "c", group="certificates.k8s.io"),
               "user": user("system:bootstrap:abcdef"), "userAgent": "kubelet/v1.36.2"}),
    ("quiet", {**NODE_PROXY, "userAgent": "Prometheus/3", "requestURI": "/api/v1/nodes/n1/proxy/metrics/cadvisor"}),
]


@pytest.mark.parametrize(("level", "changes"), LOUD + CALM)
def test_name_alone_is_no_reason_to_look_away(level: str, changes: dict[str, Any]) -> None:
    event = read(**changes)
    assert emphasis(event) == level
    assert bool(why(event)) == (level != "quiet")


@pytest.mark.parametrize(("changes", "beginning"), [
    ({"user": user("system:kube-controller-manager"), "userAgent": CURL},
     "system:kube-controller-manager, using curl, "),
    ({"user": user("system:node:n1")}, "node n1, using kubectl, "),
    ({"user": controller("job-controller")}, "service account kube-system/job-controller, using kubectl, "),
    ({"user": controller("job-controller"), "userAgent": MANAGER}, "the job controller read"),
    ({"user": user("system:bootstrap:abcdef"), "userAgent": CURL}, "system:bootstrap:abcdef, using curl, "),
    ({"user": {"username": "alice"}}, "alice read"),
])
def test_name_used_by_hand_is_told_with_the_program(changes: dict[str, Any], beginning: str) -> None:
    assert summary(read(**changes)).startswith(beginning)


def test_session_of_a_cloud_is_filed() -> None:
    arn = "arn:aws:sts::111122223333:assumed-role/ops/x"
    extra = {"accessKeyId": ["ASIAEXAMPLE"], "sessionName": ["alice"], "arn": [arn]}
    assert read(user={"username": arn, "extra": extra}).session == "alice"
    rancher = through(RANCHER, "u-b4qkh")
    rancher["impersonatedUser"]["extra"] = {"username": ["admin"], "principalid": ["local://u-b4qkh"]}
    assert read(**rancher).session == "admin"
    assert read(user={"username": "alice", "extra": {"sessionName": ["alice"]}}).session == ""
    assert read(user={"username": "alice", "extra": {"sessionName": [7]}}).user == "alice"


@pytest.mark.parametrize(("proxy", "is_typed"), [(RANCHER, False), ("bob", True)])
def test_impersonation_of_a_proxy_is_no_part_of_the_command(proxy: str, is_typed: bool) -> None:
    event = audit_event(verb="delete", **through(proxy, "alice"))
    card = cards_of([read_request(encode(event), "prod")])[0]
    assert card.command is not None
    assert ("--as=alice" in card.command) == is_typed


def test_name_of_a_proxy_is_no_part_of_another_name() -> None:
    assert proxy_name("oidc:alice") is None
    assert proxy_name("alice@proxy.example.org") is None
    assert proxy_name("rancher") == "Rancher"


def test_event_that_was_made_by_hand_has_its_user_as_actor() -> None:
    event = Event(id="x", cluster="c", time=1, user="alice")
    assert (event.actor, event.proxy, event.borrowed_user) == ("alice", "", "")


@pytest.mark.parametrize(("decision", "is_told"), [("", True), ("allow", False)])
def test_words_of_a_webhook_are_no_refused_impersonation(decision: str, is_told: bool) -> None:
    said = 'admission webhook "x" denied the request: User "alice" cannot impersonate anybody'
    notes = {"authorization.k8s.io/decision": decision} if decision else {}
    event = audit_event(
        verb="create", annotations=notes, responseStatus={"code": 403, "reason": "Forbidden", "message": said},
    )
    card = cards_of([read_request(encode(event), "prod")])[0]
    assert ("--as" in (card.command or "")) == is_told
