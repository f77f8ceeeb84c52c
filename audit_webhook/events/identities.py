"""Tells who acted: the person or program on whose behalf a request was made, and what kind of one it is.

The apiserver knows who logged in to it. Where that is a proxy, such as Rancher's or Pinniped's, it acts for somebody,
and impersonates them. Where it is a person, they borrow the rights of another user and stay who they are.

Names alone prove nothing: whoever holds the certificate of the controller manager bears its name. The kind therefore
follows from the name, its groups and the program together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from audit_webhook.events.programs import is_hand_tool

SERVICE_ACCOUNT: Final = "system:serviceaccount:"
NODE: Final = "system:node:"
BOOTSTRAP: Final = "system:bootstrap:"
NODES: Final = "system:nodes"
_ADMINISTRATORS: Final = frozenset({"system:admin"})
# The service accounts that the controller manager makes for its own loops, with how they are spoken of.
CONTROLLERS: Final = {
    "attachdetach-controller": "the attach-detach controller",
    "certificate-controller": "the certificate controller",
    "clusterrole-aggregation-controller": "the cluster role aggregation controller",
    "cronjob-controller": "the cron job controller",
    "daemon-set-controller": "the daemon set controller",
    "deployment-controller": "the deployment controller",
    "disruption-controller": "the disruption controller",
    "endpoint-controller": "the endpoint controller",
    "endpointslice-controller": "the endpoint slice controller",
    "endpointslicemirroring-controller": "the endpoint slice mirroring controller",
    "ephemeral-volume-controller": "the ephemeral volume controller",
    "expand-controller": "the volume expansion controller",
    "generic-garbage-collector": "the garbage collector",
    "horizontal-pod-autoscaler": "the horizontal pod autoscaler",
    "job-controller": "the job controller",
    "legacy-service-account-token-cleaner": "the service account token cleaner",
    "namespace-controller": "the namespace controller",
    "node-controller": "the node controller",
    "persistent-volume-binder": "the volume binder",
    "pod-garbage-collector": "the pod garbage collector",
    "pv-protection-controller": "the volume protection controller",
    "pvc-protection-controller": "the volume claim protection controller",
    "replicaset-controller": "the replica set controller",
    "replication-controller": "the replication controller",
    "resource-claim-controller": "the resource claim controller",
    "resourcequota-controller": "the resource quota controller",
    "root-ca-cert-publisher": "the root certificate publisher",
    "service-account-controller": "the service account controller",
    "service-controller": "the service controller",
    "statefulset-controller": "the stateful set controller",
    "ttl-after-finished-controller": "the finished job controller",
    "ttl-controller": "the TTL controller",
    "validatingadmissionpolicy-status-controller": "the admission policy controller",
}
# Control planes that a cloud or a distribution runs under names of its own. The prefix ``eks:`` is reserved by EKS.
_MANAGED: Final = re.compile(
    r"eks:.+|aksService|aksProblemDetector|acsService|hcpService"
    r"|.+@container-engine-robot\.iam\.gserviceaccount\.com|.*:assumed-role/AWSServiceRoleFor\w+/.*"
    r"|kube-apiserver|(?:kube-)?apiserver-kubelet-client|(?:k3s|rke2)-cloud-controller-manager"
)
_CLOUD_ACCOUNT: Final = ".gserviceaccount.com"

# Proxies that act for people, by the namespaces of their service accounts and by words in other names.
_PROXY_SPACES: Final = (
    (re.compile(r"cattle-(?:system|impersonation-system|fleet-system)"), "Rancher"),
    (re.compile(r"pinniped(?:-.+)?"), "Pinniped"),
    (re.compile(r"teleport(?:-.+)?"), "Teleport"),
    (re.compile(r"tailscale(?:-.+)?"), "Tailscale"),
    (re.compile(r"azure-arc"), "Azure Arc"),
    (re.compile(r"gke-connect"), "Connect gateway"),
    (re.compile(r"eks-connector"), "EKS Connector"),
)
_PROXY_WORDS: Final = {
    "rancher": "Rancher", "pinniped": "Pinniped", "teleport": "Teleport", "tailscale": "Tailscale",
    "openunison": "OpenUnison", "paralus": "Paralus", "strongdm": "StrongDM", "impersonator": "", "impersonation": "",
    "proxy": "",
}
_ASSUMED_ROLE: Final = re.compile(r"arn:[^/]*:assumed-role/([^/]+)/.*", re.DOTALL)
_LAST_PART: Final = re.compile(r"[:/#]")
_WORD: Final = re.compile(r"[a-z0-9]+")
ORIGINAL_USER: Final = "original-user-info.impersonation-proxy.concierge.pinniped.dev"
"""The key of the extra value in which Pinniped says who it was that impersonated somebody through it."""
_LONGEST_ORIGINAL: Final = 65_536


def kind_of(user: str, groups: Collection[str] = (), client: str = "") -> str:
    """Return what stands behind a user: one of `event.KINDS`.

    ``client`` is the program, as `client.client_of` names it: with a program that people use by hand, somebody uses the
    name of a node or of a part of the control plane.

    The names are those of kubernetes: pkg/authentication/serviceaccount/util.go and user/user.go.
    """
    if not user or user == "system:anonymous":
        return "anonymous"
    kind = kind_of_name(user, groups)
    is_of_cluster = kind in ("node", "controlplane") or is_controller(user)
    return "human" if is_of_cluster and is_hand_tool(client) else kind


def kind_of_name(user: str, groups: Collection[str] = ()) -> str:
    """Return what a name and its groups stand for, whoever uses them."""
    if user.startswith(SERVICE_ACCOUNT):
        return "serviceaccount"
    if user.startswith((NODE, BOOTSTRAP)) or NODES in groups:
        return "node"
    if user.startswith("system:"):
        return "human" if user in _ADMINISTRATORS else "controlplane"
    if is_managed(user):
        return "controlplane"
    return "serviceaccount" if user.endswith(_CLOUD_ACCOUNT) else "human"


def is_managed(user: str) -> bool:
    """Return whether a name is that of a control plane which a cloud or a distribution runs."""
    return _MANAGED.fullmatch(user) is not None


def is_controller(user: str) -> bool:
    """Return whether the user is a loop of the controller manager.

    Any other name in kube-system is none: whoever may create service accounts there must not pass for a part of
    Kubernetes.
    """
    namespace, _, name = user.removeprefix(SERVICE_ACCOUNT).partition(":")
    return user.startswith(SERVICE_ACCOUNT) and namespace == "kube-system" and name in CONTROLLERS


def effective_user(user: str, groups: Collection[str], assumed: str, original: str = "") -> str:
    """Return on whose behalf a request was made: the authenticated user, or whom a proxy acts for.

    ``assumed`` is the impersonated user, and ``original`` what Pinniped wrote of who impersonated them through it. A
    person who impersonates somebody stays the person.
    """
    if not assumed or not acts_for_others(user, groups):
        return user
    return _original_name(original) or assumed


def acts_for_others(user: str, groups: Collection[str] = ()) -> bool:
    """Return whether an authenticated user that impersonates others is a proxy, or another program, and no person."""
    return kind_of_name(user, groups) != "human" or proxy_name(user) is not None


@lru_cache(maxsize=1024)
def proxy_name(user: str) -> str | None:
    """Return the product that a proxy's user name belongs to, empty for one of another make; None for no proxy's."""
    if user.startswith(SERVICE_ACCOUNT):
        space = user.removeprefix(SERVICE_ACCOUNT).partition(":")[0]
        return next((name for pattern, name in _PROXY_SPACES if pattern.fullmatch(space)), None)
    if "@" in user or user.startswith("system:"):
        return None
    role = _ASSUMED_ROLE.fullmatch(user)
    words = _WORD.findall((role[1] if role else _LAST_PART.split(user)[-1]).lower())
    found = next((word for word in words if word in _PROXY_WORDS), None)
    return _PROXY_WORDS[found] if found else None


def _original_name(text: str) -> str:
    """Return the user name of a UserInfo in JSON (authentication/v1); empty when it is none."""
    if not text or len(text) > _LONGEST_ORIGINAL:
        return ""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    name = found.get("username") if isinstance(found, dict) else None
    return name if isinstance(name, str) else ""
