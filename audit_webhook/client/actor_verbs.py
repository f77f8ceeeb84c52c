"""Verbs about people and programs: who they are, which permissions they used, and what they would need."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

from audit_webhook.client.answers import Answer, Session
from audit_webhook.client.connection import Document
from audit_webhook.client.errors import ClientError
from audit_webhook.client.event_verbs import PAGE, add_range
from audit_webhook.client.targets import VERBS, query_of, quote, read_target

RANGES: Final = ("24h", "7d", "30d", "all")
MOST_PAGES: Final = 20


def add_actor(parser: argparse.ArgumentParser) -> None:
    """Take a name."""
    parser.add_argument("name", metavar="NAME", help="a user name, such as alice or system:serviceaccount:ci:deployer")


def actor(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield what is known of an actor: when, from where, with what, as whom."""
    found = session.source.get("actors", needed_cluster(session), chosen.name)
    rows = [("kind", found["kind"]), ("first seen", found["first"] or "-"), ("last seen", found["last"] or "-")]
    rows += [("group", group) for group in found["groups"]]
    for member in ("addresses", "claimed_addresses", "programs", "credentials", "sessions", "through", "acted_for",
                   "acted_as", "impersonated_by"):
        rows += [(member.replace("_", " "), _dated(each)) for each in found[member]]
    rows += [("did", _deed(each)) for each in found["deeds"]]
    rows += [("denied", each["summary"]) for each in found["denied"]]
    note = "" if found["events_read_are_all"] else f"'did' counts the newest {found['events_read']:,} events"
    yield Answer(
        found, ("FACT", "VALUE"), tuple(rows), names=(found["name"],), is_found=found["last"] is not None,
        notes=(note,) if note else (),
    )


def add_can_who(parser: argparse.ArgumentParser) -> None:
    """Take a verb and a type."""
    parser.add_argument("done", metavar="VERB", help="such as get, delete, exec, or read, changed, deleted")
    parser.add_argument("object", nargs="+", metavar="TYPE[/NAME]", help="as kubectl takes it: secrets")
    add_range(parser)


def can_who(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield who used a permission, how often, and what allowed it; who only could have is not in the audit trail."""
    namespace = None if chosen.all_namespaces else chosen.namespace
    done = VERBS.get(chosen.done, f"(verb:{quote(chosen.done)})")
    text = f"{query_of(read_target(chosen.object), namespace, session.cluster, chosen.since)} {done} decision:allow"
    uses: dict[tuple[str, str], list[str]] = {}
    cursor, pages = None, 0
    while pages < MOST_PAGES:
        page = session.source.get("events", q=text, limit=PAGE, cursor=cursor)
        for each in page["events"]:
            key = each["effective_user"] or "-", each["reason"] or "no reason recorded"
            uses.setdefault(key, []).append(each["time"])
        cursor, pages = page["next"], pages + 1
        if cursor is None:
            break
    ordered = sorted(uses.items(), key=lambda use: (-len(use[1]), use[0]))
    rows = tuple((who, str(len(times)), max(times), why) for (who, why), times in ordered)
    notes = (f"counted in the newest {MOST_PAGES * PAGE:,} events",) if cursor else ()
    document = [dict(zip(("user", "events", "last", "allowed_because"), row, strict=True)) for row in rows]
    header, names = ("WHO", "EVENTS", "LAST", "ALLOWED BECAUSE"), tuple(row[0] for row in rows)
    yield Answer(document, header, rows, 0, names, is_found=bool(rows), notes=notes)


def add_least_privilege(parser: argparse.ArgumentParser) -> None:
    """Take a name and a range."""
    add_actor(parser)
    parser.add_argument("--since", choices=RANGES, default="30d", help="what of is looked at (30d)")
    parser.add_argument("--per-namespace", action="store_true", help="write a Role for each namespace")


def least_privilege(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield the manifests that would allow what an actor did, and nothing else."""
    apart = "apart" if chosen.per_namespace else None
    found = session.source.get(
        "permissions", needed_cluster(session), chosen.name, since=chosen.since, namespaces=apart
    )
    notes = () if found["is_whole"] else ("time ran out before all was read: choose a shorter --since",)
    yield Answer(found, text=found["yaml"].rstrip("\n"), is_found=bool(found["yaml"]), notes=notes)


def add_permissions(parser: argparse.ArgumentParser) -> None:
    """Take a range."""
    parser.add_argument("--since", choices=RANGES, default="7d", help="which uses are listed (7d)")


def permissions(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield which bindings were used, and by whom."""
    found = session.source.get("permissions", needed_cluster(session), since=chosen.since)
    rows = tuple(
        (f"{each['kind']}/{each['name']}", each["namespace"] or "-", each["role"] or "-", use["user"], use["last"])
        for each in found["bindings"] for use in each["uses"]
    )
    yield Answer(found, ("BINDING", "NAMESPACE", "ROLE", "USED BY", "LAST"), rows, is_found=bool(rows))


def needed_cluster(session: Session) -> str:
    """Return the session's cluster; raises ClientError when none is chosen."""
    if not session.cluster:
        raise ClientError("name the cluster with --cluster NAME; `kubectl audit clusters` lists them")
    return session.cluster


def _dated(each: Document) -> str:
    return f"{each['value']} ({each['last_day']})" if "last_day" in each else f"{each['value']} ({each['events']:,})"


def _deed(each: Document) -> str:
    resource = "/".join(filter(None, (each["resource"], each["subresource"]))) or "(no resource)"
    return f"{each['verb'] or '-'} {resource}{'.' + each['group'] if each['group'] else ''} ({each['events']:,})"
