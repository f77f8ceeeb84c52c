"""The audit policies that ``/setup`` offers: what each tier records, and the file for a kube-apiserver.

Rules are tried in order and the first match decides, so each tier reads from the exceptions to the general case.
`pods` does not match `pods/log`: subresources are always named.
"""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass, field
from typing import Any, Final

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a policy, with the reason that is written above it."""

    reason: str
    level: str
    fields: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tier:
    """A policy with what a reader should know before choosing it."""

    key: str
    title: str
    summary: str
    shows: tuple[str, ...]
    hides: tuple[str, ...]
    volume: str
    rules: tuple[Rule, ...]


WIDTH: Final = 80
CONTROL_PLANE: Final = ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"]
READS: Final = ["get", "list", "watch"]
WRITES: Final = ["create", "update", "patch", "delete", "deletecollection"]
SECRETS: Final = [
    {"group": "", "resources": ["secrets", "serviceaccounts/token"]},
    {"group": "authentication.k8s.io", "resources": ["tokenreviews"]},
]
LEASES: Final = [{"group": "coordination.k8s.io", "resources": ["leases"]}]
HEALTH_PATHS: Final = ["/healthz", "/healthz/*", "/livez", "/livez/*", "/readyz", "/readyz/*"]
DISCOVERY_PATHS: Final = ["/api", "/api/*", "/apis", "/apis/*", "/openapi/*", "/version"]
METRICS_PATHS: Final = ["/metrics", "/metrics/*"]
EVENTS: Final = [{"group": group, "resources": ["events"]} for group in ("", "events.k8s.io")]

_SECRETS: Final = Rule(
    "Secrets and tokens: who touched which, and never what is in them. First, so that no later rule takes them.",
    "Metadata",
    {"resources": SECRETS},
)
_HEALTH: Final = Rule(
    "Health checks: several a second, and they say nothing about anybody.",
    "None",
    {"nonResourceURLs": HEALTH_PATHS},
)
_DISCOVERY: Final = Rule(
    "Discovery: every client and controller asks what the API offers.",
    "None",
    {"verbs": ["get"], "nonResourceURLs": DISCOVERY_PATHS},
)
_EVENTS: Final = Rule(
    "Kubernetes' own Event objects, a log of their own. Deleting them is still recorded.",
    "None",
    {"verbs": [*READS, "create", "update", "patch"], "resources": EVENTS},
)
_NODE_LEASES: Final = Rule(
    "Leases renewed by nodes and controllers, every few seconds. A person who changes one is still recorded.",
    "None",
    {
        "userGroups": ["system:nodes", "system:serviceaccounts"],
        "verbs": ["get", "update", "patch"],
        "resources": LEASES,
    },
)
_LEASES: Final = Rule(
    "The same for the control plane.",
    "None",
    {"users": CONTROL_PLANE, "verbs": ["get", "update", "patch"], "resources": LEASES},
)
_CONTROL_PLANE_READS: Final = Rule(
    "What the control plane reads in order to work. Its reading of secrets is recorded above.",
    "None",
    {"users": CONTROL_PLANE, "verbs": READS},
)
_NODE_READS: Final = Rule(
    "What a kubelet reads about its own pods, nodes and services. A stolen node credential that reads more shows up.",
    "None",
    {
        "userGroups": ["system:nodes"],
        "verbs": READS,
        "resources": [{"group": "", "resources": ["nodes", "pods", "services"]}],
    },
)
_STATUS: Final = Rule(
    "The status that nodes and controllers report: often, and large.",
    "Metadata",
    {
        "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"],
        "resources": [{"group": group, "resources": ["*/status"]} for group in ("", "apps", "batch")],
    },
)
_WRITES: Final = Rule(
    "Every change with what was sent and what became of it. managedFields stay (15 % of the size): they say which "
    "tool owns a field, also for what was written before recording began.",
    "RequestResponse",
    {"verbs": WRITES},
)
_REST: Final = Rule("Everything else: who, what, when, from where, and how it ended.", "Metadata")
_READS: Final = Rule(
    "Reads with their answers, without managedFields, which a reading does not change.",
    "RequestResponse",
    {"verbs": READS, "omitManagedFields": True},
)
_ALL: Final = Rule("Everything else with its bodies.", "RequestResponse")
_NOISE: Final = (_HEALTH, _EVENTS, _NODE_LEASES, _LEASES)
_QUIET: Final = (_SECRETS, *_NOISE, _DISCOVERY, _CONTROL_PLANE_READS, _NODE_READS)

TIERS: Final = (
    Tier(
        key="metadata",
        title="Metadata",
        summary="Who did what, and whether it was allowed.",
        shows=(
            "Every request of people, tools and service accounts: user, verb, object, time, address, outcome.",
            "The command inside a pod that exec was asked to run: it is part of the address.",
        ),
        hides=(
            "What a change contained: no image, replica count, role or diff.",
            "The names of objects that the server named itself (generateName).",
        ),
        volume="About 0.9 KB an event.",
        rules=(*_QUIET, _REST),
    ),
    Tier(
        key="writes",
        title="Writes with bodies",
        summary="The same, and what each change contained. The right start for most clusters.",
        shows=(
            "All of Metadata, and for each change what was sent and the object that came out of it.",
            "Enough for diffs, for who set a field, and for the command that was typed.",
        ),
        hides=(
            "What people read: that alice listed pods is there, the list itself is not.",
            "The contents of secrets and tokens, always.",
        ),
        volume="About 0.9 KB a read and 2 to 4 KB a change.",
        rules=(*_QUIET, _STATUS, _WRITES, _REST),
    ),
    Tier(
        key="everything",
        title="Everything",
        summary="Reads with their answers too. For a short investigation, or a small cluster.",
        shows=(
            "All of Writes with bodies, and what each reader saw.",
            "Also what nodes and the control plane read, and API discovery.",
        ),
        hides=(
            "The contents of secrets and tokens, always.",
            "Health checks, lease renewals by nodes and controllers, and Event objects.",
        ),
        volume="About 2 to 4 KB an event, up to a megabyte for a long list, and many more events.",
        rules=(_SECRETS, *_NOISE, _READS, _ALL),
    ),
)
DEFAULT_TIER: Final = "writes"
"""Sizes above: measured on a recording of a kube-apiserver 1.36 (51,000 events), see docs/connect.md."""


def tier(key: str) -> Tier | None:
    """Find a tier by its key."""
    return next((tier for tier in TIERS if tier.key == key), None)


def write_policy(tier: Tier) -> str:
    """Write a tier as the file for ``--audit-policy-file``."""
    head = [
        f"# Audit policy, tier {json.dumps(tier.title)}.",
        *_comment(tier.summary),
        "apiVersion: audit.k8s.io/v1",
        "kind: Policy",
        "# Each request would otherwise be recorded twice: when it arrives and when it is done.",
        'omitStages: ["RequestReceived"]',
        "rules:",
    ]
    return "\n".join(head + [line for rule in tier.rules for line in _write_rule(rule)]) + "\n"


def write_rule(rule: Rule) -> str:
    """Write one rule as it stands in a policy, with its reason above it."""
    return "\n".join(_write_rule(rule)) + "\n"


def _write_rule(rule: Rule) -> list[str]:
    lines = [*_comment(rule.reason, "  "), f"  - level: {rule.level}"]
    for name, value in rule.fields.items():
        if name == "resources":
            lines += ["    resources:", *(f"      - {_flow(group)}" for group in value)]
        else:
            lines.append(f"    {name}: {_flow(value)}")
    return lines


def _comment(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _flow(value: Any) -> str:
    """Write a value in YAML's flow style, which is JSON but for the quotes around keys."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value)
