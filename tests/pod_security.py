"""The level `restricted` of https://kubernetes.io/docs/concepts/security/pod-security-standards/, for pods on Linux."""

from __future__ import annotations

from typing import Any, Final

VOLUMES: Final = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}
SECCOMP: Final = ("RuntimeDefault", "Localhost")
APPARMOR: Final = ("RuntimeDefault", "Localhost")
SELINUX_TYPES: Final = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
SYSCTLS: Final = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
}
_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")


def violations(pod: dict[str, Any]) -> list[str]:
    """Say what of a pod's spec the level `restricted` refuses; nothing when it admits the pod."""
    shared = pod.get("securityContext", {})
    found = [f"{name} is true" for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)]
    for volume in pod.get("volumes", ()):
        found += [f"volume {volume['name']}: {kind}" for kind in volume.keys() - {"name"} - VOLUMES]
    found += [f"sysctl {one['name']}" for one in shared.get("sysctls", ()) if one["name"] not in SYSCTLS]
    found += _context_violations("pod", shared)
    for container in (one for kind in _CONTAINERS for one in pod.get(kind, ())):
        name, own = container["name"], container.get("securityContext", {})
        found += [f"{name}: hostPort" for port in container.get("ports", ()) if port.get("hostPort")]
        found += _hook_violations(container) + _context_violations(name, own)
        found += _container_violations(name, own, shared)
    return found


def _context_violations(name: str, context: dict[str, Any]) -> list[str]:
    selinux = context.get("seLinuxOptions", {})
    checks = {
        "runAsUser 0": context.get("runAsUser") == 0,
        "hostProcess": context.get("windowsOptions", {}).get("hostProcess"),
        "seLinuxOptions": selinux.get("type", "") not in SELINUX_TYPES or selinux.get("user") or selinux.get("role"),
        "appArmorProfile": context.get("appArmorProfile", {}).get("type", APPARMOR[0]) not in APPARMOR,
        "seccompProfile": context.get("seccompProfile", {}).get("type", SECCOMP[0]) not in SECCOMP,
    }
    return [f"{name}: {what}" for what, is_refused in checks.items() if is_refused]


def _hook_violations(container: dict[str, Any]) -> list[str]:
    """Probes and hooks may name no host: the kubelet would ask it."""
    probes = [container.get(name, {}) for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    asked = [*probes, *container.get("lifecycle", {}).values()]
    return [
        f"{container['name']}: host of a probe"
        for one in asked for kind in ("httpGet", "tcpSocket") if one.get(kind, {}).get("host")
    ]


def _container_violations(name: str, own: dict[str, Any], shared: dict[str, Any]) -> list[str]:
    capabilities = own.get("capabilities", {})
    checks = {
        "privileged": own.get("privileged"),
        "procMount": own.get("procMount", "Default") != "Default",
        "allowPrivilegeEscalation is not false": own.get("allowPrivilegeEscalation") is not False,
        "runAsNonRoot is not true": own.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True,
        "no seccompProfile": "type" not in own.get("seccompProfile", shared.get("seccompProfile", {})),
        "capabilities are not dropped": "ALL" not in capabilities.get("drop", ()),
        "capabilities are added": set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"},
    }
    return [f"{name}: {what}" for what, is_refused in checks.items() if is_refused]
