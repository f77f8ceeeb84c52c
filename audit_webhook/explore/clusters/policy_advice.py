"""Advises on an audit policy from what a cluster really sent: rules for its noisiest traffic, what each would save and
what nobody could find out any more.

Never advised against: what people and anonymous callers did (but for health checks, see path_advice.py), sessions,
secrets and tokens, and who may do what. Rules are those of audit.k8s.io/v1 Policy: the first that matches a request
decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from audit_webhook.events.event import SYSTEM_KINDS, Event
from audit_webhook.events.identities import NODE, NODES
from audit_webhook.events.visible_text import shown
from audit_webhook.explore.clusters.volume import Amount, Traffic, total
from audit_webhook.explore.setup.policy import Fields, Rule, write_rule
from audit_webhook.humanize.badges import REVIEWS
from audit_webhook.humanize.phrases import READS
from audit_webhook.query.edit import quote

MOST: Final = 8
WORTH_SHARE: Final = 0.01
METADATA_BYTES: Final = 900
"""Mean of an event at level Metadata when the cluster has sent none to measure: docs/connect.md."""
HEARTBEATS: Final = frozenset({("coordination.k8s.io", "leases"), ("", "events"), ("events.k8s.io", "events")})
_GUARDED: Final = REVIEWS | {
    "secrets", "serviceaccounts", "roles", "rolebindings", "clusterroles", "clusterrolebindings",
    "certificatesigningrequests", "validatingwebhookconfigurations", "mutatingwebhookconfigurations",
}
_SESSIONS: Final = frozenset({"exec", "attach", "portforward", "proxy", "token", "ephemeralcontainers", "approval"})
_OMIT: Final = 'omitStages: ["RequestReceived"]\n'


@dataclass(frozen=True, slots=True)
class Advice:
    """A rule or a line for the policy, what it saves, what it hides, and the query for what it is about.

    ``estimate`` says how what it saves was estimated; empty when it was counted.
    """

    text: str
    saved: Amount
    hides: str
    query: str
    estimate: str = ""


_Group = tuple[str, str, str, str, bool, str]


def advise(traffic: Sequence[Traffic], others: Iterable[Advice] = ()) -> list[Advice]:
    """Give the advice, and others, that saves most, first; only what saves a hundredth of the bytes or the events."""
    everything = total(traffic)
    groups: dict[_Group, list[Traffic]] = defaultdict(list)
    for item in traffic:
        if _may_be_dropped(item.event):
            groups[_group(item.event)].append(item)
    size = _metadata_size(traffic)
    found = [advice for items in groups.values() if (advice := _advise(items, size))]
    found = [advice for advice in (*found, *others) if is_worth_a_rule(advice.saved, everything)]
    found.sort(key=lambda advice: -advice.saved.raw_bytes)
    return [*_stages(traffic, everything), *found[:MOST]]


def is_worth_a_rule(saved: Amount, everything: Amount) -> bool:
    """Whether it is a hundredth of the bytes or of the events."""
    return (
        saved.raw_bytes >= everything.raw_bytes * WORTH_SHARE
        or saved.events >= max(1, everything.events * WORTH_SHARE)
    )


def _may_be_dropped(event: Event) -> bool:
    """Whether an event belongs to what machines do all day."""
    return (
        event.kind in SYSTEM_KINDS
        and event.resource != ""
        and event.resource not in _GUARDED
        and event.subresource not in _SESSIONS
        and not event.impersonated_user
        and event.stage != "RequestReceived"
    )


def _group(event: Event) -> _Group:
    who = group_caller(event)
    level = event.level if event.verb not in READS else ""
    return (who, event.api_group, event.resource, event.subresource, event.verb in READS, level)


def _metadata_size(traffic: Iterable[Traffic]) -> int:
    slim = total(item for item in traffic if item.event.level == "Metadata")
    return slim.raw_bytes // slim.events if slim.events else METADATA_BYTES


def _advise(items: Sequence[Traffic], metadata_size: int) -> Advice | None:
    """Advise on one group: drop reads and heartbeats, keep changes without their bodies."""
    event, amount = items[0].event, total(items)
    verbs = sorted({item.event.verb for item in items})
    if event.verb in READS or (event.api_group, event.resource) in HEARTBEATS:
        level, saved = "None", amount
    elif event.level in ("Request", "RequestResponse"):
        level, saved = "Metadata", Amount(0, max(0, amount.raw_bytes - amount.events * metadata_size))
    else:
        return None
    hides = _hides(event, level, verbs, sum(item.amount.events for item in items if item.event.code == 403))
    rule = Rule(f"{name_caller(event)}: {', '.join(verbs)} {_resource(event)}. {hides}", level, _fields(event, verbs))
    return Advice(write_rule(rule), saved, hides, _query(event, verbs))


def group_caller(event: Event) -> str:
    """Give what tells apart whom rules are for: each identity, and all nodes together."""
    return NODES if is_of_nodes(event) else event.user


def name_caller(event: Event) -> str:
    """Name whom a rule is for, safe to read."""
    return "Nodes" if is_of_nodes(event) else shown(event.user, longest=120)


def select_caller(event: Event) -> Fields:
    """Give the fields of a rule for this identity, or for all nodes."""
    return {"userGroups": [NODES]} if is_of_nodes(event) else {"users": [event.user]}


def is_of_nodes(event: Event) -> bool:
    """Return whether a rule for the group of all nodes covers who sent a request."""
    return event.kind == "node" and event.user.startswith(NODE)


def count_denied(text: str, denied: int) -> str:
    """Add how many denied requests a rule would hide."""
    return f"{text} Of them {denied:,} were denied, which would not be seen either." if denied else text


def _fields(event: Event, verbs: list[str]) -> Fields:
    resources = [{"group": event.api_group, "resources": [_resource(event)]}]
    return {**select_caller(event), "verbs": verbs, "resources": resources}


def _resource(event: Event) -> str:
    return f"{event.resource}/{event.subresource}" if event.subresource else event.resource


def _hides(event: Event, level: str, verbs: list[str], denied: int) -> str:
    """Say what is lost."""
    if level == "Metadata":
        return "Hides what these changes contained: no diff, no blame, no history of these objects from this actor."
    if event.verb in READS:
        text = "Hides that this identity read them: who has stolen its token would read unseen."
    else:
        text = "Hides these heartbeats; nobody but this identity is left out."
    return count_denied(text, denied)


def _query(event: Event, verbs: list[str]) -> str:
    who = "kind:node" if is_of_nodes(event) else f"by:{quote(event.user)}"
    verb = quote(verbs[0]) if len(verbs) == 1 else f"({' or '.join(map(quote, verbs))})"
    group = f"group:{quote(event.api_group)}"
    return f"{who} verb:{verb} resource:{quote(event.resource)} {group} sub:{quote(event.subresource)}"


def _stages(traffic: Sequence[Traffic], everything: Amount) -> list[Advice]:
    """Advise to leave out the stage that says nothing which the next one does not repeat."""
    saved = total(item for item in traffic if item.event.stage == "RequestReceived")
    hides = "Hides only requests that the kube-apiserver never finished, as when it crashed."
    advice = Advice(_OMIT, saved, hides, "stage:RequestReceived")
    return [advice] if saved.events and is_worth_a_rule(saved, everything) else []
