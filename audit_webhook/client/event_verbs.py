"""Verbs about events: search, tail, who, event, around."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from audit_webhook.client.answers import Answer, Session, answer_events, write_command, write_time
from audit_webhook.client.connection import Document
from audit_webhook.client.errors import ClientError
from audit_webhook.client.targets import VERBS, query_of, quote, read_target

PAGE: Final = 500
POLL_SECONDS: Final = 1.0
SAME: Final = ("all", "actor", "object", "address")
MOST_AROUND: Final = 500


def add_search(parser: argparse.ArgumentParser) -> None:
    """Take a query and how many events to give."""
    parser.add_argument("query", nargs="*", metavar="QUERY", help="as in the search box: user:alice verb:delete")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="at most N events (100); 0 for all")


def search(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield the matching events, newest first, a page at a time."""
    text = within(session, " ".join(chosen.query))
    left, cursor = chosen.limit or None, None
    while True:
        size = PAGE if left is None else min(PAGE, left)
        page = session.source.get("events", q=text, limit=size, cursor=cursor)
        cursor = page["next"]
        yield answer_events(page["events"], [page.get("shortfall", "")])
        left = None if left is None else left - len(page["events"])
        if cursor is None or left == 0:
            return


def add_tail(parser: argparse.ArgumentParser) -> None:
    """Take a query, how many to begin with, and whether to go on."""
    parser.add_argument("query", nargs="*", metavar="QUERY", help="as in the search box: user:alice verb:delete")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what arrives, until interrupted")
    parser.add_argument("--lines", type=int, default=10, metavar="N", help="begin with N events (10)")


def tail(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield the newest events, oldest first, then what arrives."""
    text = within(session, " ".join(chosen.query))
    after = session.source.get("live", q=text)["after"]
    page = session.source.get("events", q=text, limit=max(1, min(PAGE, chosen.lines)))
    yield answer_events(page["events"][:chosen.lines][::-1])
    while chosen.follow:
        time.sleep(POLL_SECONDS)
        news = session.source.get("live", q=text, after=after)
        after = news["after"]
        left_out = f"{news['more']:,} more arrived at once and are left out" if news["more"] else ""
        if news["events"]:
            yield answer_events(news["events"][::-1], [left_out])


def add_who(parser: argparse.ArgumentParser) -> None:
    """Take what was done, to which object."""
    parser.add_argument("done", choices=sorted(VERBS), metavar="VERB", help=f"one of {', '.join(sorted(VERBS))}")
    parser.add_argument("object", nargs="+", metavar="TYPE[/NAME]", help="as kubectl takes it: cm/app-config")
    add_range(parser)


def add_range(parser: argparse.ArgumentParser, since: str = "30d") -> None:
    """Take a namespace and a time."""
    parser.add_argument("-n", "--namespace", metavar="NAME", help="only in this namespace")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="in all namespaces; the default")
    parser.add_argument("--since", default=since, metavar="TIME", help=f"such as 2h, yesterday, 2026-11-30 ({since})")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="at most N events (100)")


def who(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield who did that, newest first; attempts that failed are among them, with their code."""
    namespace = None if chosen.all_namespaces else chosen.namespace
    terms = query_of(read_target(chosen.object), namespace, session.cluster, chosen.since)
    done = VERBS[chosen.done]
    page = session.source.get("events", q=f"{terms} {done}".strip(), limit=min(PAGE, max(1, chosen.limit)))
    more = "there are older events: add --limit or --since" if page["next"] and page["events"] else ""
    yield answer_events(page["events"], [page.get("shortfall", ""), more])


def add_event(parser: argparse.ArgumentParser) -> None:
    """Take an id."""
    parser.add_argument("id", metavar="ID", help="an event's id, as search -o wide shows it")


def event(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield one event with its facts."""
    found = session.source.get("events", chosen.id)
    facts = [
        ("What", found["summary"]), ("When", write_time(found)), ("Who", found["effective_user"] or "-"),
        ("Signed in as", found["user"] or "-"), ("From", found["source_ip"] or "-"),
        ("With", found["user_agent"] or "-"), ("Command", write_command(found["kubectl"])),
        ("Outcome", "-" if found["code"] is None else str(found["code"])), ("Allowed because", found["reason"] or "-"),
        ("Request", f"{found['verb'] or '-'} {found['request_uri'] or '-'}"), ("Cluster", found["cluster"]),
        ("Audit ID", found["audit_id"] or "-"),
    ]
    yield Answer(found, ("FACT", "VALUE"), tuple(facts), names=(found["id"],))


def add_around(parser: argparse.ArgumentParser) -> None:
    """Take an event and how far to look."""
    parser.add_argument("id", metavar="ID", help="an event's id")
    parser.add_argument("--minutes", type=int, default=5, metavar="N", help="so many before and after it (5)")
    parser.add_argument("--same", choices=SAME, default="all", help="only events that share this with it (all)")


def around(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield what happened around an event, oldest first; the event itself is marked."""
    found = session.source.get("events", chosen.id)
    if not 1 <= chosen.minutes <= 1440:
        raise ClientError("--minutes is a number from 1 to 1440")
    moment, span = datetime.fromisoformat(found["time"]), timedelta(minutes=chosen.minutes)
    bounds = f"since:{write_moment(moment - span)} until:{write_moment(moment + span + timedelta(seconds=1))}"
    text = " ".join(filter(None, (f"cluster:{quote(found['cluster'])}", bounds, _shared(found, chosen.same))))
    page = session.source.get("events", q=text, limit=MOST_AROUND)
    more = f"only the newest {MOST_AROUND} are shown: choose fewer --minutes or --same" if page["next"] else ""
    yield answer_events(page["events"][::-1], [more], mark=found["id"])


def _shared(found: Document, same: str) -> str:
    if same == "actor":
        return f"user:{quote(found['effective_user'] or '')}"
    if same == "address":
        return f"ip:{quote(found['source_ip'] or '')}"
    if same == "object":
        names = (("resource", "resource"), ("group", "group"), ("ns", "namespace"), ("name", "name"))
        return " ".join(f"{field}:{quote(found[member] or '')}" for field, member in names)
    return ""


def write_moment(moment: datetime) -> str:
    """Return a time as the query language takes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def within(session: Session, text: str) -> str:
    """Return a query that is limited to the session's cluster, unless it names one itself."""
    if not session.cluster or "cluster:" in text:
        return text.strip()
    return f"({text.strip()}) cluster:{quote(session.cluster)}" if text.strip() else f"cluster:{quote(session.cluster)}"
