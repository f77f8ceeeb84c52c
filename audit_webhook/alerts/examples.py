"""Makes audit events from the short form in which a rule's examples are written, and says what a rule makes of them.

An example is a text, ``VERB RESOURCE [NAMESPACE/]NAME [by USER] [-> CODE]``, as in ``create pods/exec shop/web by
mallory -> 403``, or a table whose ``do`` is such a text, with more of the event: see `MEMBERS`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, urlencode

from audit_webhook.alerts.rule import Example, Rule
from audit_webhook.alerts.rule_book import Hit, RuleBook
from audit_webhook.alerts.windows import Windows
from audit_webhook.events.api_resources import BUILT_IN
from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.event import rfc3339
from audit_webhook.events.pod_facts import TEMPLATES

MEMBERS: Final = frozenset({
    "do", "user", "groups", "as", "ip", "agent", "group", "level", "stage", "decision", "uri", "query", "command",
    "request", "response", "spec", "annotations", "after", "times", "audit", "names", "agents",
})
START: Final = 1_795_435_200_000_000
"""When the examples begin: 2026-11-23, noon UTC, in microseconds."""
KUBECTL: Final = "kubectl/v1.36.2 (linux/amd64) kubernetes/98b3519"
_DO: Final = re.compile(r"(\S+) (\S+)(?: (\S+))?(?: by (\S+))?(?: -> (\d{3}))?")
_GROUPS: Final = {each.plural: each.group for each in reversed(BUILT_IN)}


class BadExample(ValueError):
    """An example is not written as it must be."""


def failures(rule: Rule) -> Iterator[str]:
    """Yield what is wrong with the examples of a rule: those that do not do as they must."""
    for number, example in enumerate(rule.examples, 1):
        name = f"{rule.source}: {rule.id}: {'fire' if example.must_fire else 'pass'} {number}"
        try:
            hits = fire(rule, example)
        except BadExample as error:
            yield f"{name}: {error}"
            continue
        if bool(hits) != example.must_fire:
            yield f"{name}: {'nothing was found' if example.must_fire else 'it fired'}"


def fire(rule: Rule, example: Example) -> list[Hit]:
    """Return the hits of a rule on the events of an example; raises BadExample."""
    book, windows = RuleBook([rule]), Windows(learning=0)
    hits: list[Hit] = []
    for number, raw in enumerate(events_of(example)):
        event = to_event(read_wire(raw), raw, "prod", f"{number:026d}", START)
        hits += book.hits(event, raw, (*book.candidates(event), *book.searched(event, raw)), windows)
    return hits


def events_of(example: Example) -> Iterator[bytes]:
    """Yield the events of an example as JSON, one second apart unless it says otherwise; raises BadExample."""
    moment, number = START, 0
    for each in example.events:
        table = {"do": each} if isinstance(each, str) else each
        if not isinstance(table, dict) or table.keys() - MEMBERS or not isinstance(table.get("do"), str):
            raise BadExample(f"{each!r} is neither VERB RESOURCE NAME nor a table with do and {sorted(MEMBERS)}")
        moment += int(table.get("after", 1) * 1_000_000)
        for turn in range(int(table.get("times", 1))):
            number += 1
            moment += 1000
            yield json.dumps(_event(table, turn, number, moment), ensure_ascii=False).encode()


def _event(table: dict[str, Any], turn: int, number: int, moment: int) -> dict[str, Any]:
    match = _DO.fullmatch(table["do"].replace("{}", str(turn)))
    if match is None:
        raise BadExample(f"{table['do']!r} is not VERB RESOURCE [NAMESPACE/]NAME [by USER] [-> CODE]")
    verb, resource, target, user, code = match.groups()
    status = int(code or 200)
    body = _request(table, resource)
    event: dict[str, Any] = {
        "level": table.get("level", "RequestResponse" if body or "response" in table else "Metadata"),
        "auditID": table.get("audit", f"example-{number}"), "stage": table.get("stage", "ResponseComplete"),
        "requestURI": _uri(table, resource, target or ""), "verb": verb,
        "user": {"username": user or table.get("user", "mallory"), "groups": table.get("groups", ["dev"])},
        "sourceIPs": [table.get("ip", "10.20.4.17")], "userAgent": table.get("agent", KUBECTL).replace(
            "{}", str(turn)),
        "responseStatus": {"code": status}, "requestReceivedTimestamp": rfc3339(moment - 5000),
        "stageTimestamp": rfc3339(moment), "requestObject": body, "responseObject": table.get("response"),
        "annotations": {
            "authorization.k8s.io/decision": table.get("decision", "forbid" if status == 403 else "allow"),
            **table.get("annotations", {}),
        },
    }
    if "as" in table:
        event["impersonatedUser"] = {"username": table["as"], "groups": []}
    if not resource.startswith("/"):
        event["objectRef"] = _reference(table, resource, target or "")
    return {name: value for name, value in event.items() if value is not None}


def _reference(table: dict[str, Any], resource: str, target: str) -> dict[str, str]:
    plural, _, subresource = resource.partition("/")
    namespace, slash, name = target.partition("/")
    group = table.get("group", _GROUPS.get(plural, ""))
    return {
        "resource": plural, "subresource": subresource, "namespace": namespace if slash else "",
        "name": name if slash else namespace, "apiGroup": group, "apiVersion": "v1",
    }


def _uri(table: dict[str, Any], resource: str, target: str) -> str:
    if "uri" in table or resource.startswith("/"):
        return str(table.get("uri", resource))
    plural, _, subresource = resource.partition("/")
    namespace, slash, name = target.partition("/")
    parts = ["namespaces", namespace] if slash and namespace else []
    parts += [plural, name if slash else namespace, subresource]
    words = [("command", word) for word in table.get("command", ())]
    query = "&".join(filter(None, (urlencode(words), table.get("query", ""))))
    return "/api/v1/" + "/".join(quote(part) for part in parts if part) + (f"?{query}" if query else "")


def _request(table: dict[str, Any], resource: str) -> Any:
    """Return the body: as it is given, or around the specification of a pod."""
    if "spec" not in table:
        return table.get("request")
    body: Any = table["spec"]
    for name in reversed(TEMPLATES[resource.partition("/")[0]].split(".")):
        body = {name: body}
    return {**body, **table.get("request", {})}
