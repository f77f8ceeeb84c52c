"""The API resources that Kubernetes brings along, with the names that people use for them.

As ``kubectl api-resources`` of Kubernetes 1.36 lists them.
"""

from __future__ import annotations

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
_SINGULARS: Final = {resource.plural: resource.singular for resource in BUILT_IN}


def plural_of(word: str) -> str | None:
    """Give the plural that a plural, singular, short name or kind stands for, in any case; None when unknown.

    A group may follow, as in ``deployments.apps``.
    """
    return _BY_WORD.get(word.lower().partition(".")[0])


def singular_of(plural: str) -> str:
    """Give the singular of a plural; of a custom resource, the one that English grammar suggests."""
    if plural in _SINGULARS:
        return _SINGULARS[plural]
    if plural.endswith("ies") and len(plural) > 4:
        return plural[:-3] + "y"
    if plural.endswith(("sses", "xes", "ches", "shes")):
        return plural[:-2]
    return plural[:-1] if plural.endswith("s") and not plural.endswith("ss") else plural
