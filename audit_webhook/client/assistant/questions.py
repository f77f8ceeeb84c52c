"""Turns the arguments of tools into a query, as the search box takes it."""

from __future__ import annotations

import re
from argparse import Namespace
from typing import Final
from urllib.parse import urlencode

from audit_webhook.client.answers import Session
from audit_webhook.client.assistant.arguments import Argument
from audit_webhook.client.targets import VERBS, is_subresource, quote, read_target

TIMES: Final = (
    "such as 15m, 6h, 7d (counted back from now), today, yesterday, now, 14:05, 2026-11-30, 2026-11-30T14:05:00Z, "
    "with an offset 2026-11-30T14:05+02:00; days and clocks without an offset are UTC"
)
QUERY: Final = Argument(
    "query", "more conditions in the query language, see the description of search; may stay empty",
)
CLUSTER: Final = Argument("cluster", "only this cluster; the tool clusters lists them. All of them without it")
FILTERS: Final = (
    Argument("user", "who acted: a user name such as alice, system:serviceaccount:ci:deployer, or a pattern with *"),
    Argument("did", "what was done; read is get, list or watch, changed is update or patch",
             choices=tuple(sorted(VERBS))),
    Argument("object", "the object or type as kubectl takes it: configmap/app-config, deploy/web, secrets, "
             "pods/exec"),
    Argument("namespace", "only in this namespace"),
    CLUSTER,
    Argument("actors", "people, or programs such as service accounts, nodes and controllers", default="all",
             choices=("all", "people", "programs")),
    Argument("outcome", "how it ended: denied is 401 or 403, failed any code from 400 on", default="any",
             choices=("any", "succeeded", "failed", "denied")),
    QUERY,
)
NARROW: Final = "narrow with since, until, user, did, object, namespace or query"
_OUTCOMES: Final = {
    "any": "", "succeeded": "code:1..399", "failed": "code:>=400", "denied": "(decision:forbid or code:401 or "
    "code:403)",
}
_ACTORS: Final = {"all": "", "people": "kind:human", "programs": "kind:system"}
_BOUND: Final = re.compile(r"\b(since|until|id|audit):")
_AGO: Final = re.compile(
    r"(?:last |past )?(\d{1,5}) ?(seconds?|secs?|s|minutes?|mins?|m|hours?|h|days?|d|weeks?|w)(?: ago)?",
    re.ASCII | re.IGNORECASE,
)
_HALF: Final = re.compile(r"(\d{1,2})(?::(\d\d))? ?([ap])\.?m\.?", re.ASCII | re.IGNORECASE)
_SPACED: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(UTC|GMT|Z|[+-]\d\d:\d\d)?", re.ASCII
)


def times_of(default: str) -> tuple[Argument, Argument]:
    """Return the arguments of a time range, with when it begins without them."""
    return (
        Argument("since", f"from this time on: {TIMES}; all for everything stored. {default} without it", default=None),
        Argument("until", f"before this time: {TIMES}. The whole of yesterday is since=yesterday, until=today"),
    )


def query_of(given: Namespace, session: Session, default: str) -> str:
    """Return the query for filters and times; ``default`` is where it begins when nothing says so."""
    text = given.query or ""
    cluster = given.cluster or session.cluster
    terms = [f"({text})" if text else "", _term("cluster", cluster) if cluster else ""]
    terms += [_term("user", given.user) if given.user else "", VERBS[given.did] if given.did else ""]
    terms += [_object(given.object) if given.object else "", _term("ns", given.namespace) if given.namespace else ""]
    terms += [_ACTORS[given.actors], _OUTCOMES[given.outcome]]
    since = given.since or ("" if _BOUND.search(text) else default)
    terms += [f"since:{_moment(since)}" if since and since != "all" else ""]
    terms += [f"until:{_moment(given.until)}" if given.until else ""]
    return " ".join(filter(None, terms))


def page_of(session: Session, query: str) -> dict[str, str]:
    """Return the address of the page that shows the same, where there is a server."""
    return {"page": f"{session.source.url}/?{urlencode({'q': query})}"} if session.source.url else {}


def read_time(text: str) -> str:
    """Return a time in the forms of the query language: ``2 hours ago`` as 2h, ``3pm`` as 15:00, spaces as T."""
    if found := _AGO.fullmatch(text):
        return f"{found[1]}{found[2][0].lower()}"
    if (found := _HALF.fullmatch(text)) and 1 <= int(found[1]) <= 12:
        hour = int(found[1]) % 12 + (12 if found[3].lower() == "p" else 0)
        return f"{hour:02}:{found[2] or '00'}"
    if found := _SPACED.fullmatch(text):
        zone = found[3] or ""
        return f"{found[1]}T{found[2]}{'Z' if zone in ('UTC', 'GMT') else zone}"
    return text


def _moment(text: str) -> str:
    return quote(read_time(text))


def _object(text: str) -> str:
    target = read_target(text.split())
    if is_subresource(target):
        return _term("resource", f"{target.resource}/{target.name}")
    terms = [_term("resource", target.resource), _term("group", target.group) if target.group else ""]
    return " ".join(filter(None, [*terms, _term("name", target.name) if target.name else ""]))


def _term(field: str, value: str) -> str:
    """Return a condition; a value with a * is a pattern where nothing else in it needs quotes."""
    plain = value.replace("*", "")
    is_pattern = "*" in value and (not plain or quote(plain) == plain)
    return f"{field}:{value if is_pattern else quote(value)}"
