"""Tools about people and programs: who they are, which permissions they used, and what they would need."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import Any, Final

from audit_webhook.client import actor_verbs
from audit_webhook.client.answers import Answer, Session
from audit_webhook.client.assistant.arguments import Argument
from audit_webhook.client.assistant.event_rows import row_of
from audit_webhook.client.assistant.event_tools import similar_users
from audit_webhook.client.assistant.questions import CLUSTER, read_time
from audit_webhook.client.assistant.results import Found
from audit_webhook.client.errors import ClientError
from audit_webhook.client.targets import VERBS

MOST_CLUSTERS: Final = 5
MOST_DENIED: Final = 10
NAME: Final = Argument(
    "name", "a user name exactly, such as alice or system:serviceaccount:ci:deployer", is_required=True
)
RANGE: Final = Argument("since", "what of is looked at", choices=actor_verbs.RANGES, default="30d")
ACTOR: Final = (NAME, CLUSTER)
PERMISSIONS: Final = (
    RANGE._replace(default="7d"), Argument("user", "only bindings that this user name used"),
    Argument("role", "only bindings of this role, such as cluster-admin"),
    CLUSTER, Argument("limit", "how many at most", "integer", default=50, at_most=200),
)
USED: Final = (
    Argument("did", "what was done; read is get, list or watch", choices=tuple(sorted(VERBS)), is_required=True),
    Argument("object", "a type or object as kubectl takes it: secrets, secret/db-credentials", is_required=True),
    Argument("namespace", "only in this namespace"), CLUSTER,
    Argument("since", "from this time on, such as 6h, 7d, yesterday, 2026-11-30; all for everything", default="30d"),
    Argument("limit", "how many users at most, the most frequent first", "integer", default=50, at_most=300),
)
NEEDS: Final = (
    NAME, RANGE, Argument("per_namespace", "write a Role for each namespace", "boolean", default=False), CLUSTER,
)
_LISTS: Final = (
    "groups", "addresses", "claimed_addresses", "programs", "credentials", "sessions", "through", "acted_for",
    "acted_as", "impersonated_by", "pods", "nodes", "deeds",
)
Verb = Callable[[Namespace, Session], Iterator[Answer]]


def actor(given: Namespace, session: Session) -> Found:
    """Return what is known of an actor in each cluster that is asked about."""
    rows = []
    for cluster, answer in _in_clusters(actor_verbs.actor, given, session):
        found = answer.document
        if found["last"] is None and not found["denied"]:
            continue
        rows.append({
            "cluster": cluster, "name": found["name"], "kind": found["kind"], "first_seen": found["first"],
            "last_seen": found["last"], "active_in_ten_minutes_from": found["active"][-20:],
            **{name: found[name] for name in _LISTS if found[name]},
            "deeds_are_counted_in": f"{'all' if found['events_read_are_all'] else 'the newest'} "
                                    f"{found['events_read']:,} events",
            "denied": [row_of(each) for each in found["denied"][:MOST_DENIED]], "denied_in_all": len(found["denied"]),
        })
    if not rows:
        notes = ["nobody of exactly this name was seen; search takes a pattern, user=*part*"]
        return Found("actors", rows, similar_users(given.name, session), notes=notes)
    notes = ["claimed_addresses are what a header says; anybody can write it"]
    return Found("actors", rows, notes=notes, narrow="name the cluster")


def permissions(given: Namespace, session: Session) -> Found:
    """Return which bindings were used, by whom and when last."""
    rows: list[dict[str, Any]] = []
    for cluster, answer in _in_clusters(actor_verbs.permissions, given, session):
        rows += [
            {"cluster": cluster, "binding": f"{each['kind']}/{each['name']}", "namespace": each["namespace"],
             "role": each["role"], "gives_everything": each["gives_everything"], "used_by": use["user"],
             "as": use["as"], "through": use["through"], "batches_of_events": use["batches"], "last": use["last"]}
            for each in answer.document["bindings"] if given.role in (None, each["role"])
            for use in each["uses"] if given.user in (None, use["user"])
        ]
    notes = ["only what was used is known: who could have used a permission is not in an audit trail"]
    return Found("uses", rows[:given.limit], notes=notes, total=len(rows), narrow="name user or cluster")


def who_used_permission(given: Namespace, session: Session) -> Found:
    """Return who used a permission, how often, and what allowed it."""
    chosen = Namespace(done=given.did, object=given.object.split(), namespace=given.namespace, all_namespaces=False,
                       since="" if given.since == "all" else read_time(given.since))
    answer = next(actor_verbs.can_who(chosen, session._replace(cluster=given.cluster or session.cluster)))
    notes = [*answer.notes, "only allowed requests count; who could have but did not is not in an audit trail"]
    rows = [each | {"events": int(each["events"])} for each in answer.document]
    return Found("users", rows[:given.limit], notes=notes, total=len(rows), is_exact=not answer.notes,
                 narrow="narrow with since, namespace or object")


def least_privilege(given: Namespace, session: Session) -> Found:
    """Return the manifests that would allow what an actor did, line by line."""
    lines: list[str] = []
    notes: list[str] = []
    for cluster, answer in _in_clusters(actor_verbs.least_privilege, given, session):
        if answer.text:
            lines += [f"# cluster {cluster}", *answer.text.splitlines()]
        notes += [*answer.notes, *(f"left out: {each}" for each in answer.document["left_out"][:10])]
    if not lines:
        notes.append("nothing of exactly this name was allowed in that time")
    return Found("yaml_lines", lines, notes=notes, narrow="name the cluster, or a shorter since")


def _in_clusters(verb: Verb, given: Namespace, session: Session) -> Iterator[tuple[str, Answer]]:
    """Yield a verb's answer for the cluster that is named, else for each cluster; raises ClientError for too many."""
    named = given.cluster or session.cluster
    clusters = [named] if named else session.source.get("status")["clusters"]
    if len(clusters) > MOST_CLUSTERS:
        raise ClientError(f"there are {len(clusters):,} clusters: name one with cluster; the tool clusters lists them")
    for cluster in clusters:
        yield from ((cluster, answer) for answer in verb(given, session._replace(cluster=cluster)))
