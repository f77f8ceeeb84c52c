"""Write the files that connect a kube-apiserver, and tell whether a cluster has been heard from.

What a kube-apiserver does is in docs/connect.md. Three facts shape the files: it drops the query of the webhook's
address, so the cluster stands in the path; it sends a kubeconfig's token only over https, so a token needs TLS; over
http it sends a user and password that stand in the address itself.
"""

from __future__ import annotations

import ipaddress
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlsplit

from audit_webhook.errors import InvalidCluster
from audit_webhook.events.event import rfc3339
from audit_webhook.explore.setup.address import read_kubeconfig
from audit_webhook.explore.setup.policy import DEFAULT_TIER, Tier, tier, write_policy
from audit_webhook.ingest.admission import check_cluster
from audit_webhook.ingest.rejections import Refused
from audit_webhook.storage.rejection_store import NO_NAME, Refusal
from audit_webhook.storage.repository import Contact

FOLDER: Final = "/etc/kubernetes/audit"
FRESH: Final = 3600 * 1_000_000
SILENT_AFTER: Final = 600 * 1_000_000
"""A cluster with the policies of this page is never quiet for so long."""
REFUSED_DAYS: Final = 7
TRANSPORTS: Final = ("https", "http")
TOKEN_PLACEHOLDER: Final = "PUT-THE-WEBHOOK_TOKEN-HERE"
"""Stands for the token where it must not be shown; nothing in it needs quoting in YAML, a shell or an address."""
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed, and what is wrong with it by field; usable when nothing is."""

    cluster: str
    address: str
    transport: str
    tier: str
    problems: Mapping[str, str] = field(default_factory=dict)

    def is_usable(self) -> bool:
        """Whether files can be written from it."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class SetupFile:
    """One file to put on a control-plane node."""

    name: str
    path: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a cluster: `state` is waiting, heard, silent or refused, whichever came last.

    Other clusters' contacts and fresh refusals stand beside it, because a name with a typing error is one of them.
    `refused` and `nameless` count requests of these days, for the cluster and for no name that is listed.
    """

    state: str
    contact: Contact | None
    refusal: Refusal | None
    others: tuple[Contact, ...]
    other_refusals: tuple[Refusal, ...]
    refused: Refused | None = None
    nameless: Refused | None = None


def read_form(arguments: Mapping[str, str], here: str) -> Form:
    """Read and check the form; `here` is the address under which this page was asked for."""
    typed = {name: arguments.get(name, "").strip() for name in ("cluster", "address", "transport", "tier")}
    address = typed["address"] or here
    transport = typed["transport"] or ("https" if address.startswith("https://") else "http")
    cluster = typed["cluster"] or "prod"
    checks = {
        "cluster": _cluster_problem(cluster),
        "address": _address_problem(address, transport),
        "transport": "" if transport in TRANSPORTS else "Choose https or http.",
        "tier": "" if not typed["tier"] or tier(typed["tier"]) else "Choose one of the three.",
    }
    problems = {name: problem for name, problem in checks.items() if problem}
    # Shown without its scheme, so that choosing the other transport is no contradiction.
    return Form(cluster, address.removeprefix(f"{transport}://"), transport, typed["tier"] or DEFAULT_TIER, problems)


def _cluster_problem(cluster: str) -> str:
    try:
        check_cluster(cluster)
    except InvalidCluster:
        return "Use 1 to 63 of: a-z, 0-9, dot, hyphen."
    return ""


def _address_problem(address: str, transport: str) -> str:
    try:
        parts = urlsplit(address if "://" in address else f"{transport}://{address}")
        port = parts.port
    except ValueError:
        return "This is not an address. Use a host and a port, such as audit.example.com:8080."
    if parts.scheme != transport:
        return f"The address begins with {parts.scheme}:// and the transport is {transport}."
    if parts.username or parts.query or parts.fragment or address.endswith(("?", "#")):
        return "Give only host, port and path: no user, no query. A kube-apiserver drops the query."
    is_port = port != 0 and not parts.netloc.endswith(":")
    if not _is_host(parts.hostname or "", parts.netloc) or not is_port or not _PATH.fullmatch(parts.path):
        return "This is not an address. Use a host and a port, such as audit.example.com:8080."
    return ""


def _is_host(host: str, netloc: str) -> bool:
    if not netloc.startswith("["):
        return bool(_HOST.fullmatch(host))
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def webhook_address(form: Form, user: str = "") -> str:
    """Give the address that the apiserver posts to, with the cluster in its path."""
    parts = urlsplit(form.address if "://" in form.address else f"{form.transport}://{form.address}")
    return f"{parts.scheme}://{user}{parts.netloc}{parts.path.rstrip('/')}/webhook/audit/{form.cluster}"


def list_warnings(form: Form, listens_on: str) -> list[str]:
    """Say what will not work although the form is well filled; `listens_on` is this server's own setting."""
    host = urlsplit(webhook_address(form)).hostname or ""
    if _is_loopback(host):
        return [
            f"{host} is the machine on which the kube-apiserver itself runs. Unless this server runs there too, give "
            "an address that the control plane can reach."
        ]
    if _is_loopback(listens_on):
        return [
            f"This server listens on {listens_on} only. Without a proxy on this machine nothing else can reach it: "
            "set HTTP_HOST=0.0.0.0 and a WEBHOOK_TOKEN, and start it again."
        ]
    return []


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"


def write_files(form: Form, token: str) -> tuple[SetupFile, ...]:
    """Write the three files; an empty token writes no user."""
    chosen = tier(form.tier)
    if chosen is None:
        raise ValueError(f"no tier {form.tier}")
    return (
        SetupFile("policy.yaml", f"{FOLDER}/policy.yaml", "Audit policy", write_policy(chosen)),
        SetupFile("webhook.yaml", f"{FOLDER}/webhook.yaml", "Webhook kubeconfig", write_kubeconfig(form, token)),
        SetupFile(
            "kube-apiserver.yaml",
            "/etc/kubernetes/manifests/kube-apiserver.yaml",
            "Flags and mounts",
            write_manifest_part(chosen),
        ),
    )


def write_kubeconfig(form: Form, token: str) -> str:
    """Write the kubeconfig for ``--audit-webhook-config-file``."""
    over_tls = form.transport == "https"
    # Over http the token of a kubeconfig is never sent (0 of 703 posts); what stands in the address is.
    user = "" if over_tls or not token else f"audit:{quote(token, safe='')}@"
    lines = [
        "# Where the audit events go. The cluster's name is in the path, because a",
        "# kube-apiserver drops the query of this address.",
        "apiVersion: v1",
        "kind: Config",
        "clusters:",
        "  - name: audit-webhook",
        "    cluster:",
        f"      server: {json.dumps(webhook_address(form, user))}",
    ]
    if over_tls:
        lines += [
            "      # The authority that signed the server's certificate.",
            "      # Take this line out when it is a public one.",
            f"      certificate-authority: {FOLDER}/ca.crt",
        ]
    lines += ["users:", "  - name: kube-apiserver"]
    lines += ["    user:", f"      token: {json.dumps(token)}"] if over_tls and token else ["    user: {}"]
    lines += [
        "contexts:",
        "  - name: audit-webhook",
        "    context: {cluster: audit-webhook, user: kube-apiserver}",
        "current-context: audit-webhook",
    ]
    return "\n".join(lines) + "\n"


def write_manifest_part(chosen: Tier) -> str:
    """Write the part of the static pod's manifest that has to be merged into the existing one."""
    truncate = () if chosen.key == "metadata" else (
        "# An event above 1 MiB loses its bodies. Without this, one list can be many",
        "# megabytes; the default of 100 KiB takes the bodies of larger objects.",
        "- --audit-webhook-truncate-enabled=true",
        "- --audit-webhook-truncate-max-event-size=1048576",
    )
    flags = (
        f"- --audit-policy-file={FOLDER}/policy.yaml",
        f"- --audit-webhook-config-file={FOLDER}/webhook.yaml",
        "# batch never makes an API request wait for this server.",
        "- --audit-webhook-mode=batch",
        "# Send after 400 events or 3 seconds, whichever comes first.",
        "- --audit-webhook-batch-max-size=400",
        "- --audit-webhook-batch-max-wait=3s",
        "# A batch that is refused is sent five times: it is kept for four to seven",
        "# minutes. The default of 10s gives up after 82 to 97 s.",
        "- --audit-webhook-initial-backoff=30s",
        *truncate,
    )
    indented = "\n".join(f"        {line}" for line in flags)
    return _MANIFEST.format(folder=FOLDER, flags=indented)


_MANIFEST: Final = """\
# Merge into /etc/kubernetes/manifests/kube-apiserver.yaml: add, do not replace.
spec:
  containers:
    - name: kube-apiserver
      command:
{flags}
      volumeMounts:
        - name: audit-webhook
          mountPath: {folder}
          readOnly: true
  volumes:
    - name: audit-webhook
      hostPath:
        path: {folder}
        type: Directory
"""


def write_test_command(form: Form, token: str, now: int) -> str:
    """Write a shell command that posts one small event as the apiserver would.

    Where the token must not be shown, the command takes it, the address and the authority out of the kubeconfig.
    """
    stamp = rfc3339(now)
    event = {
        "level": "Metadata", "auditID": f"setup-{now}", "stage": "ResponseComplete", "requestURI": "/setup-test",
        "verb": "get", "user": {"username": "setup-test"}, "userAgent": "curl", "responseStatus": {"code": 200},
        "requestReceivedTimestamp": stamp, "stageTimestamp": stamp,
    }
    body = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [event]}
    parts = ["curl -sS -i", shlex.quote(webhook_address(form)), "-H 'Content-Type: application/json'"]
    if token == TOKEN_PLACEHOLDER:
        parts = [*read_kubeconfig(form.transport == "https", f"{FOLDER}/webhook.yaml"), parts[2]]
    elif form.transport == "https":
        parts.insert(1, f"--cacert {FOLDER}/ca.crt")
    if token and token != TOKEN_PLACEHOLDER:
        basic = form.transport == "http"
        parts.append(f"-u {shlex.quote('audit:' + token)}" if basic else f"-H {shlex.quote(_bearer(token))}")
    return " \\\n  ".join([*parts, f"--data {shlex.quote(json.dumps(body, separators=(',', ':')))}"])


def _bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


def tell_status(
    cluster: str, contacts: Iterable[Contact], refusals: Iterable[Refusal], now: int,
    counted: Mapping[str, Refused] = MappingProxyType({}),
) -> Status:
    """Tell whether a cluster has been heard from; a refusal is its state only when nothing came through after it."""
    known = {contact.cluster: contact for contact in contacts}
    refused = {refusal.cluster: refusal for refusal in refusals}
    contact, refusal = known.pop(cluster, None), refused.pop(cluster, None)
    if refusal is not None and (contact is None or refusal.refused > contact.received):
        state = "refused"
    else:
        state = "waiting" if contact is None else "heard" if now - contact.received < SILENT_AFTER else "silent"
    others = sorted(known.values(), key=lambda other: -other.received)
    fresh = [other for other in refused.values() if now - other.refused < FRESH]
    return Status(
        state, contact, refusal, tuple(others[:5]), tuple(fresh[:3]), counted.get(cluster), counted.get(NO_NAME)
    )
