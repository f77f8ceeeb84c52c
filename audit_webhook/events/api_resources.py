"""The API resources that Kubernetes brings along, with the names that people use for them.

As ``kubectl api-resources`` of Kubernetes 1.36 lists them.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class ApiResource(NamedTuple):
    """One resource: its plural as in URLs, kubectl's short names, its kind, its API group, and where it lives."""

    plural: str
    short_names: tuple[str, ...]
    kind: str
    group: str
    is_namespaced: bool

    @property
    def singular(self) -> str:
        """The name of one such object, as kubectl takes it."""
        return self.kind.lower()


_ADMISSION: Final = "admissionregistration.k8s.io"
_EXTENSIONS: Final = "apiextensions.k8s.io"

BUILT_IN: Final[tuple[ApiResource, ...]] = (
    ApiResource("bindings", (), "Binding", "", True),
    ApiResource("componentstatuses", ("cs",), "ComponentStatus", "", False),
    ApiResource("configmaps", ("cm",), "ConfigMap", "", True),
    ApiResource("endpoints", ("ep",), "Endpoints", "", True),
    ApiResource("events", ("ev",), "Event", "", True),
    ApiResource("limitranges", ("limits",), "LimitRange", "", True),
    ApiResource("namespaces", ("ns",), "Namespace", "", False),
    ApiResource("nodes", ("no",), "Node", "", False),
    ApiResource("persistentvolumeclaims", ("pvc",), "PersistentVolumeClaim", "", True),
    ApiResource("persistentvolumes", ("pv",), "PersistentVolume", "", False),
    ApiResource("pods", ("po",), "Pod", "", True),
    ApiResource("podtemplates", (), "PodTemplate", "", True),
    ApiResource("replicationcontrollers", ("rc",), "ReplicationController", "", True),
    ApiResource("resourcequotas", ("quota",), "ResourceQuota", "", True),
    ApiResource("secrets", (), "Secret", "", True),
    ApiResource("serviceaccounts", ("sa",), "ServiceAccount", "", True),
    ApiResource("services", ("svc",), "Service", "", True),
    ApiResource("mutatingadmissionpolicies", (), "MutatingAdmissionPolicy", _ADMISSION, False),
    ApiResource("mutatingadmissionpolicybindings", (), "MutatingAdmissionPolicyBinding", _ADMISSION, False),
    ApiResource("mutatingwebhookconfigurations", (), "MutatingWebhookConfiguration", _ADMISSION, False),
    ApiResource("validatingadmissionpolicies", (), "ValidatingAdmissionPolicy", _ADMISSION, False),
    ApiResource("validatingadmissionpolicybindings", (), "ValidatingAdmissionPolicyBinding", _ADMISSION, False),
    ApiResource("validatingwebhookconfigurations", (), "ValidatingWebhookConfiguration", _ADMISSION, False),
    ApiResource("customresourcedefinitions", ("crd", "crds"), "CustomResourceDefinition", _EXTENSIONS, False),
    ApiResource("apiservices", (), "APIService", "apiregistration.k8s.io", False),
    ApiResource("controllerrevisions", (), "ControllerRevision", "apps", True),
    ApiResource("daemonsets", ("ds",), "DaemonSet", "apps", True),
    ApiResource("deployments", ("deploy",), "Deployment", "apps", True),
    ApiResource("replicasets", ("rs",), "ReplicaSet", "apps", True),
    ApiResource("statefulsets", ("sts",), "StatefulSet", "apps", True),
    ApiResource("selfsubjectreviews", (), "SelfSubjectReview", "authentication.k8s.io", False),
    ApiResource("tokenreviews", (), "TokenReview", "authentication.k8s.io", False),
    ApiResource("localsubjectaccessreviews", (), "LocalSubjectAccessReview", "authorization.k8s.io", True),
    ApiResource("selfsubjectaccessreviews", (), "SelfSubjectAccessReview", "authorization.k8s.io", False),
    ApiResource("selfsubjectrulesreviews", (), "SelfSubjectRulesReview", "authorization.k8s.io", False),
    ApiResource("subjectaccessreviews", (), "SubjectAccessReview", "authorization.k8s.io", False),
    ApiResource("horizontalpodautoscalers", ("hpa",), "HorizontalPodAutoscaler", "autoscaling", True),
    ApiResource("cronjobs", ("cj",), "CronJob", "batch", True),
    ApiResource("jobs", (), "Job", "batch", True),
    ApiResource("certificatesigningrequests", ("csr",), "CertificateSigningRequest", "certificates.k8s.io", False),
    ApiResource("leases", (), "Lease", "coordination.k8s.io", True),
    ApiResource("endpointslices", (), "EndpointSlice", "discovery.k8s.io", True),
    ApiResource("flowschemas", (), "FlowSchema", "flowcontrol.apiserver.k8s.io", False),
    ApiResource("prioritylevelconfigurations", (), "PriorityLevelConfiguration", "flowcontrol.apiserver.k8s.io", False),
    ApiResource("ingressclasses", (), "IngressClass", "networking.k8s.io", False),
    ApiResource("ingresses", ("ing",), "Ingress", "networking.k8s.io", True),
    ApiResource("ipaddresses", ("ip",), "IPAddress", "networking.k8s.io", False),
    ApiResource("networkpolicies", ("netpol",), "NetworkPolicy", "networking.k8s.io", True),
    ApiResource("servicecidrs", (), "ServiceCIDR", "networking.k8s.io", False),
    ApiResource("runtimeclasses", (), "RuntimeClass", "node.k8s.io", False),
    ApiResource("poddisruptionbudgets", ("pdb",), "PodDisruptionBudget", "policy", True),
    ApiResource("clusterrolebindings", (), "ClusterRoleBinding", "rbac.authorization.k8s.io", False),
    ApiResource("clusterroles", (), "ClusterRole", "rbac.authorization.k8s.io", False),
    ApiResource("rolebindings", (), "RoleBinding", "rbac.authorization.k8s.io", True),
    ApiResource("roles", (), "Role", "rbac.authorization.k8s.io", True),
    ApiResource("deviceclasses", (), "DeviceClass", "resource.k8s.io", False),
    ApiResource("resourceclaims", (), "ResourceClaim", "resource.k8s.io", True),
    ApiResource("resourceclaimtemplates", (), "ResourceClaimTemplate", "resource.k8s.io", True),
    ApiResource("resourceslices", (), "ResourceSlice", "resource.k8s.io", False),
    ApiResource("priorityclasses", ("pc",), "PriorityClass", "scheduling.k8s.io", False),
    ApiResource("csidrivers", (), "CSIDriver", "storage.k8s.io", False),
    ApiResource("csinodes", (), "CSINode", "storage.k8s.io", False),
    ApiResource("csistoragecapacities", (), "CSIStorageCapacity", "storage.k8s.io", True),
    ApiResource("storageclasses", ("sc",), "StorageClass", "storage.k8s.io", False),
    ApiResource("volumeattachments", (), "VolumeAttachment", "storage.k8s.io", False),
    ApiResource("volumeattributesclasses", ("vac",), "VolumeAttributesClass", "storage.k8s.io", False),
)

_BY_WORD: Final = {
    word: resource.plural
    for resource in reversed(BUILT_IN)
    for word in (resource.plural, resource.singular, *resource.short_names)
}
_BY_PLURAL: Final = {resource.plural: resource for resource in BUILT_IN}
# Groups that serve, or once served, resources of Kubernetes under a second address.
_OTHER_GROUPS: Final = {
    "events": ("events.k8s.io",),
    **{
        plural: ("extensions",)
        for plural in ("daemonsets", "deployments", "ingresses", "networkpolicies", "replicasets")
    },
    "poddisruptionbudgets": ("extensions", "policy"),
}

# What English plurals end with where the singular is beyond doubt; what is not among these is left as it is.
_REGULAR: Final = re.compile(
    r"[a-z]{2,}(?:[bcdfgkmnptwrl]|[aeiou]y|[dgklmnprtv]e|(?:rvi|our|spa|evi|rfa|an)ce|[^aeiou]o"
    r"|(?:ab|elea|ph)ase|elease)s"
)
_TO_Y: Final = re.compile(r"[a-z]{2,}(?:lic|ntr|xi|tit|tor|str|rar|enc|ti|to|ri|er)ies")
_IRREGULAR: Final = re.compile(r"(?:kubernetes|postgres|cosmos|dns|tls|sms|aws|nats|cors|rds|eks|ecs|sqs|sns)\Z")


def find(group: str, plural: str) -> ApiResource | None:
    """Return the resource of Kubernetes that a group and a plural name; None when it is another group's.

    An event without a group, which is that of the core, is taken by its plural.
    """
    found = _BY_PLURAL.get(plural)
    if found is None or group in ("", found.group) or group in _OTHER_GROUPS.get(plural, ()):
        return found
    return None


def has_namesake(group: str, plural: str) -> bool:
    """Return whether a resource is called like one of Kubernetes, but belongs to another group."""
    return plural in _BY_PLURAL and find(group, plural) is None


def plural_of(word: str) -> str | None:
    """Give the plural that a plural, singular, short name or kind stands for, in any case; None when unknown.

    A group may follow, as in ``deployments.apps``.
    """
    return _BY_WORD.get(word.lower().partition(".")[0])


def singular_of(plural: str) -> str:
    """Return the singular of a plural; of a custom resource only where the plural leaves no doubt, else the plural."""
    if plural in _BY_PLURAL:
        return _BY_PLURAL[plural].singular
    if _TO_Y.fullmatch(plural):
        return plural[:-3] + "y"
    if len(plural) > 4 and _REGULAR.fullmatch(plural) and not _IRREGULAR.search(plural):
        return plural[:-1]
    return plural
