"""Names actors as people speak of them: ``the scheduler``, ``node node-1``, ``service account shop/deployer``."""

from __future__ import annotations

from typing import Final

from audit_webhook.event import Event
from audit_webhook.humanize.text import Part, visible

NOBODY: Final = "someone without valid credentials"
_COMPONENTS: Final = {
    "system:apiserver": "the apiserver",
    "system:kube-scheduler": "the scheduler",
    "system:kube-controller-manager": "the controller manager",
    "system:cloud-controller-manager": "the cloud controller manager",
    "system:kube-proxy": "kube-proxy",
    "system:anonymous": "an anonymous caller",
    "": "an unknown caller",
}
_NODE: Final = "system:node:"
_SERVICE_ACCOUNT: Final = "system:serviceaccount:"

# The service accounts that the controller manager makes for its own loops. Any other name in kube-system is shown as
# it is: whoever may create service accounts there must not pass for a part of Kubernetes.
_CONTROLLERS: Final = {
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


def actor_parts(event: Event) -> tuple[Part, ...]:
    """Give who acted, and as whom where the user was impersonating another one."""
    who = Part(NOBODY if event.code == 401 and not event.user else name_actor(event.user), "actor")
    if not event.impersonated_user:
        return (who,)
    return (who, Part(", acting as "), Part(name_actor(event.impersonated_user), "actor"), Part(","))


def name_actor(user: str) -> str:
    """Give the name by which a user is spoken of."""
    if user in _COMPONENTS:
        return _COMPONENTS[user]
    if user.startswith(_NODE) and user != _NODE:
        return f"node {_shown(user.removeprefix(_NODE))}"
    if user.startswith(_SERVICE_ACCOUNT):
        return _name_service_account(user)
    return _shown(user)


def is_controller(user: str) -> bool:
    """Whether the user is a loop of the controller manager."""
    namespace, _, name = user.removeprefix(_SERVICE_ACCOUNT).partition(":")
    return user.startswith(_SERVICE_ACCOUNT) and namespace == "kube-system" and name in _CONTROLLERS


def own(event: Event) -> str:
    """Give ``their own`` for people and ``its own`` for programs."""
    return "their own" if event.kind in ("human", "anonymous") else "its own"


def _name_service_account(user: str) -> str:
    namespace, _, name = user.removeprefix(_SERVICE_ACCOUNT).partition(":")
    if is_controller(user):
        return _CONTROLLERS[name]
    return f"service account {_shown(f'{namespace}/{name}')}" if namespace and name else _shown(user)


def _shown(user: str) -> str:
    """Give a user's name; one with spaces at its ends or in a row is quoted, or they could not be seen."""
    shown = visible(user)
    return shown if shown == " ".join(shown.split()) else f"“{shown}”"
