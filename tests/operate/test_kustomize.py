"""The manifests of deploy/kustomize are what Kubernetes takes, confined, and about settings that exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest

from audit_webhook.config import Config
from tests.kustomization import KUSTOMIZE, Manifest, apply, has_kubectl, render, render_with_kubectl
from tests.pod_security import violations

FOLDERS: Final = ("base", "overlays/mariadb", "overlays/galera", "monitoring")
SERVING: Final = FOLDERS[:3]
VERSIONS: Final = ("1.29", "1.33", "1.36")
RENDERERS: Final = [render, *([render_with_kubectl] if has_kubectl() else [])]
PAGE: Final = (KUSTOMIZE.parents[1] / "docs" / "kubernetes.md").read_text("utf-8")
SETTINGS: Final = {setting.name.upper() for setting in fields(Config)} | {
    f"{setting.name.upper()}_FILE" for setting in fields(Config) if setting.metadata["secret"]
}
CONFINED: Final = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {"name": "a", "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}},
    ],
}


def objects(folder: str) -> list[Manifest]:
    """Give the objects of one of the folders."""
    return render(KUSTOMIZE / folder)


def of_kind(folder: str, *kinds: str) -> dict[str, Manifest]:
    """Give the objects of these kinds by name."""
    return {one["metadata"]["name"]: one for one in objects(folder) if one["kind"] in kinds}


def templates(folder: str) -> dict[str, Manifest]:
    """Give the template of the pods of each workload by the workload's name."""
    found = {}
    for name, one in of_kind(folder, "StatefulSet", "Deployment", "CronJob").items():
        spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
        found[name] = spec["template"]
    return found


def containers(folder: str) -> Iterator[tuple[Manifest, Manifest]]:
    """Give every container with its pod's spec."""
    for template in templates(folder).values():
        for container in template["spec"]["containers"]:
            yield template["spec"], container


def pods_chosen(folder: str, labels: dict[str, str]) -> list[Manifest]:
    """Give the templates of pods that carry these labels."""
    return [one for one in templates(folder).values() if labels.items() <= one["metadata"]["labels"].items()]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", SERVING)
def test_every_object_fits_the_schema_of_kubernetes(folder: str, version: str) -> None:
    for one in objects(folder):
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("folder, count", [*zip(FOLDERS, (7, 15, 15, 1), strict=True)])
def test_every_renderer_gives_the_same_objects(
    folder: str, count: int, renderer: Callable[[Path], list[Manifest]]
) -> None:
    rendered = {(one["kind"], one["metadata"]["name"]): one for one in renderer(KUSTOMIZE / folder)}
    assert len(rendered) == count
    assert rendered == {(one["kind"], one["metadata"]["name"]): one for one in objects(folder)}


def test_misspelt_field_does_not_fit_the_schema() -> None:
    one = of_kind("base", "StatefulSet")["audit-webhook"]
    one["spec"]["replica"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one, VERSIONS[0], strict=True)


@pytest.mark.parametrize("folder", SERVING)
def test_pod_security_admits_every_pod_as_restricted(folder: str) -> None:
    found = templates(folder)
    assert found and {name: violations(one["spec"]) for name, one in found.items()} == {name: [] for name in found}
    labels = of_kind(folder, "Namespace")["audit-webhook"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("path, value", [
    ("/hostNetwork", True), ("/hostPID", True), ("/hostIPC", True),
    ("/volumes", [{"name": "v", "hostPath": {"path": "/"}}]),
    ("/securityContext/runAsNonRoot", False), ("/securityContext/runAsUser", 0),
    ("/securityContext/seccompProfile", {}), ("/securityContext/seccompProfile", {"type": "Unconfined"}),
    ("/securityContext/sysctls", [{"name": "kernel.msgmax", "value": "1"}]),
    ("/securityContext/seLinuxOptions", {"type": "spc_t"}),
    ("/securityContext/appArmorProfile", {"type": "Unconfined"}),
    ("/securityContext/windowsOptions", {"hostProcess": True}),
    ("/containers/0/ports", [{"containerPort": 1, "hostPort": 1}]),
    ("/containers/0/livenessProbe", {"httpGet": {"host": "elsewhere"}}),
    ("/containers/0/securityContext/privileged", True),
    ("/containers/0/securityContext/procMount", "Unmasked"),
    ("/containers/0/securityContext/runAsUser", 0),
    ("/containers/0/securityContext/runAsNonRoot", False),
    ("/containers/0/securityContext/allowPrivilegeEscalation", True),
    ("/containers/0/securityContext/capabilities", {}),
    ("/containers/0/securityContext/capabilities/add", ["SYS_ADMIN"]),
    ("/initContainers", [{"name": "i"}]),
])
def test_each_rule_of_restricted_refuses(path: str, value: Any) -> None:
    pod = render_pod()
    assert violations(pod) == []
    apply(pod, {"op": "add", "path": path, "value": value})
    assert violations(pod)


def render_pod() -> Manifest:
    """Give a fresh pod that is confined."""
    pod: Manifest = {}
    for key, value in CONFINED.items():
        apply(pod, {"op": "add", "path": f"/{key}", "value": value})
    return pod


@pytest.mark.parametrize("folder", SERVING)
def test_every_container_has_a_read_only_disk_and_bounds(folder: str) -> None:
    for pod, container in containers(folder):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        assert pod["automountServiceAccountToken"] is False
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}


@pytest.mark.parametrize("folder", SERVING)
def test_every_setting_exists_and_is_taken(folder: str, tmp_path: Path) -> None:
    settings = of_kind(folder, "ConfigMap")["audit-webhook"]["data"]
    assert settings.keys() - SETTINGS == set()
    (tmp_path / "password").write_text("secret")
    moved = {
        name: str(tmp_path / "password") if name.endswith("_FILE") and name != "UI_USERS_FILE" else value
        for name, value in settings.items()
    }
    Config.from_env({**moved, "WEBHOOK_TOKENS_DIR": str(tmp_path)})


@pytest.mark.parametrize("folder", SERVING)
def test_every_variable_of_a_container_is_a_setting(folder: str) -> None:
    assert {one["name"] for _, container in containers(folder) for one in container.get("env", ())} <= SETTINGS


@pytest.mark.parametrize("folder", SERVING)
def test_every_mount_and_map_is_there(folder: str) -> None:
    maps = of_kind(folder, "ConfigMap")
    claims = {"data"}
    for pod, container in containers(folder):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys() | claims
        named = {volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume}
        assert named | {one["configMapRef"]["name"] for one in container.get("envFrom", ())} <= maps.keys()


@pytest.mark.parametrize("folder", SERVING)
def test_page_makes_every_secret_that_is_mounted(folder: str) -> None:
    made = set(re.findall(r"kubectl create secret (?:generic|tls) (\S+) -n audit-webhook", PAGE))
    wanted = {
        volume["secret"]["secretName"] for pod, _ in containers(folder) for volume in pod["volumes"]
        if "secret" in volume
    }
    assert wanted and wanted <= made


@pytest.mark.parametrize("folder", SERVING)
def test_every_service_leads_to_a_port_of_pods(folder: str) -> None:
    for name, one in of_kind(folder, "Service").items():
        chosen = pods_chosen(folder, one["spec"]["selector"])
        assert chosen, name
        for pod in chosen:
            ports = {port["name"] for container in pod["spec"]["containers"] for port in container.get("ports", ())}
            assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports, name


@pytest.mark.parametrize("folder", SERVING)
def test_anybody_may_reach_the_port_for_batches_alone(folder: str) -> None:
    rules = [rule for one in of_kind(folder, "NetworkPolicy").values() for rule in one["spec"].get("ingress", ())]
    anybody = [port["port"] for rule in rules if "from" not in rule for port in rule["ports"]]
    assert anybody == [8443]
    assert of_kind(folder, "NetworkPolicy")["audit-webhook"]["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_sqlite_has_one_replica_and_prunes_by_itself() -> None:
    assert of_kind("base", "StatefulSet")["audit-webhook"]["spec"]["replicas"] == 1
    settings = of_kind("base", "ConfigMap")["audit-webhook"]["data"]
    assert "DB_HOST" not in settings and int(settings["RETENTION_DAYS"]) > 0
    assert of_kind("base", "CronJob") == {}


@pytest.mark.parametrize("folder, replicas", [("overlays/mariadb", 2), ("overlays/galera", 3)])
def test_replicas_have_a_spool_each_and_one_job_prunes(folder: str, replicas: int) -> None:
    ingest = of_kind(folder, "StatefulSet")["audit-webhook"]["spec"]
    settings = of_kind(folder, "ConfigMap")["audit-webhook"]["data"]
    mount = next(one for one in ingest["template"]["spec"]["containers"][0]["volumeMounts"] if one["name"] == "data")
    assert ingest["replicas"] == replicas
    assert ingest["volumeClaimTemplates"][0]["metadata"]["name"] == "data"
    assert settings["SPOOL_DIR"].startswith(f"{mount['mountPath']}/")
    assert settings["RETENTION_DAYS"] == "0" and "audit-webhook-prune" in of_kind(folder, "CronJob")


def test_galera_is_reached_by_its_nodes_and_not_by_a_service_that_balances() -> None:
    hosts = of_kind("overlays/galera", "ConfigMap")["audit-webhook"]["data"]["DB_HOST"].split(",")
    assert len({*hosts}) == 3 and all(re.fullmatch(r"[a-z-]+-\d\.[a-z-]+\.[a-z-]+\.svc", host) for host in hosts)


@pytest.mark.parametrize("folder", SERVING[1:])
def test_budgets_and_scaling_name_pods_that_are_there(folder: str) -> None:
    for one in of_kind(folder, "PodDisruptionBudget").values():
        assert len(pods_chosen(folder, one["spec"]["selector"]["matchLabels"])) == 1
    for one in of_kind(folder, "HorizontalPodAutoscaler").values():
        target = of_kind(folder, one["spec"]["scaleTargetRef"]["kind"])[one["spec"]["scaleTargetRef"]["name"]]
        assert "replicas" not in target["spec"]  # it would fight with the autoscaler


@pytest.mark.parametrize("folder", SERVING[1:])
def test_replicas_are_spread_over_nodes(folder: str) -> None:
    for name in ("audit-webhook", "audit-webhook-ui"):
        pod = templates(folder)[name]
        [spread] = pod["spec"]["topologySpreadConstraints"]
        assert spread["labelSelector"]["matchLabels"] == pod["metadata"]["labels"]


@pytest.mark.parametrize("folder", SERVING[1:])
def test_pods_of_the_pages_take_no_batch(folder: str) -> None:
    pod = templates(folder)["audit-webhook-ui"]["spec"]
    tokens = of_kind(folder, "ConfigMap")["audit-webhook"]["data"]["WEBHOOK_TOKENS_DIR"]
    mount = next(one for one in pod["containers"][0]["volumeMounts"] if one["mountPath"] == tokens)
    assert "emptyDir" in next(volume for volume in pod["volumes"] if volume["name"] == mount["name"])


@pytest.mark.parametrize("folder", SERVING)
def test_prometheus_reads_each_pod_that_serves(folder: str) -> None:
    [monitor] = objects("monitoring")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    services = of_kind(folder, "Service").values()
    [service] = [one for one in services if wanted.items() <= one["metadata"]["labels"].items()]
    assert {one["port"] for one in monitor["spec"]["endpoints"]} <= {port["name"] for port in service["spec"]["ports"]}
    assert service["spec"]["clusterIP"] == "None"
    served = [one for name, one in templates(folder).items() if name != "audit-webhook-prune"]
    assert pods_chosen(folder, service["spec"]["selector"]) == served
