"""Choose the sample events that `audit-webhook demo` loads, out of a folder of recordings of a real kube-apiserver.

    python tools/make_demo.py FOLDER [OUTPUT]

FOLDER holds ``kubectl.jsonl.gz`` (one case a line: ``id``, ``command``, ``events``) and ``webhook/*.json.gz`` and
``load/*.json.gz`` (batches as an apiserver posted them). The sample tells an ordinary day of two clusters:

* What people and tools did is named in STORY, with the minutes before the end at which it happens. The gaps between
  the events of one command stay as they were recorded, and so does the order in which one object was written.
* What controllers and kubelets did because of it within seconds is added from the batches, and a sparse rest of their
  routine, so that the sample has the mixture of a real feed.
* The recording ran on one machine: each person gets an address of his own in place of 127.0.0.1, and a few objects
  that were named after a test get the names that a team would give (NAMES). Values of secrets and issued tokens are
  replaced by an example. Nothing else is changed here; the times are moved when the sample is loaded.

The output is one event a line: cluster, microseconds before the end, the event's JSON, with tabs between.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

Event = dict[str, Any]

STORY: Final = """
357.0 prod other-client-039    356.9 prod other-client-021    350.4 prod get-042             345.2 prod get-003
344.6 prod logs-001            338.1 prod describe-002        337.3 prod logs-003            331.5 prod create-014
326.2 prod create-017          322.8 prod create-041          318.0 prod create-005          316.7 prod expose-002
315.1 staging create-008       311.9 prod apply-005           309.3 prod create-049          309.0 prod create-053
305.4 prod get-041             304.9 prod get-059             300.2 prod exec-014            297.6 prod create-023
297.1 prod create-025          296.4 prod create-027          290.3 prod create-030          289.8 prod create-033
284.4 prod create-029          283.9 prod create-035          281.0 prod auth-005            276.3 prod apply-001
270.5 prod exec-001            262.2 prod exec-005            258.7 prod other-client-040    258.3 prod other-client-041
251.6 prod other-client-024    250.9 prod other-client-025    246.6 staging create-040       244.2 prod create-036
243.1 prod create-037          240.8 prod create-045          233.3 prod apply-003           229.5 staging get-018
225.0 prod apply-004           221.4 prod apply-006           214.9 prod scale-001           210.2 prod set-002
207.7 prod rollout-015         200.3 prod set-006             197.5 prod set-012             193.8 staging edit-006
190.1 prod taint-001           186.6 prod certificate-001     180.9 prod other-client-045    180.7 prod other-client-046
180.2 prod other-client-047    179.1 prod other-client-048    178.8 prod other-client-049    172.4 prod scale-011
171.6 prod other-client-050    165.3 prod impersonation-006   160.1 prod rollout-001         155.8 prod misc-016
150.2 prod impersonation-005   146.0 staging annotate-006     140.7 prod autoscale-001       138.9 prod autoscale-004
131.3 prod other-client-027    130.6 prod other-client-028    125.5 prod cordon-001          123.2 prod drain-003
118.4 prod drain-031             110.8 prod drain-032           105.2 prod patch-013           101.0 prod run-004
97.3 prod run-013              92.5 staging debug-007         90.6 prod debug-006            85.4 prod create-054
81.2 prod other-client-018     80.5 prod other-client-019     76.6 staging delete-006        70.3 prod delete-064
66.1 staging scale-012         60.7 prod label-009            55.9 prod other-client-099     52.2 prod other-client-001
51.7 prod other-client-002     45.8 prod other-client-022     41.4 prod run-016              38.0 prod set-044
33.6 staging rollout-005       30.9 prod port-forward-001     27.3 prod cp-001               24.7 prod delete-068
21.5 prod create-034           19.8 prod rollout-031          16.4 prod impersonation-031    14.2 prod other-client-043
12.8 prod delete-033           10.9 prod auth-004             9.2 staging describe-009       8.3 prod misc-024
7.1 prod exec-020              5.7 prod scale-032             4.6 prod apply-015             3.4 prod get-040
2.6 prod delete-023            1.7 prod logs-013              0.6 prod get-015
"""
"""Minutes before the end, cluster and case, in the order in which they happen."""

NAMES: Final = {
    "oc-helm": "search",
    "oc-terraform": "mailer",
    "oc-argocd": "recommendations",
    "oc-python-requests": "nightly-import",
    "curl-cm": "feature-flags",
}
ADDRESSES: Final = {
    "alice": "10.20.4.17",
    "bob@example.com": "10.20.4.23",
    "oidc:maria.garcía@example.com": "10.20.7.8",
    "viewer": "10.20.9.40",
    "ci-bot": "10.30.0.12",
    "kubernetes-admin": "10.20.0.5",
    "system:serviceaccount:operators:myoperator": "10.244.2.31",
    "system:anonymous": "203.0.113.66",
    "": "203.0.113.66",
    "system:node:node-1": "10.0.0.11",
}
WRITES: Final = ("create", "update", "patch", "delete", "deletecollection")
ECHO_SECONDS: Final = 4.0
ECHOES_A_CASE: Final = 6
ROUTINE_EVENTS: Final = 130


class Placed(NamedTuple):
    """An event with its cluster and the time at which it is to happen, in microseconds before the end."""

    before: int
    cluster: str
    event: Event


def microseconds(event: Event) -> int:
    """Give the recorded time of an event."""
    return int(datetime.fromisoformat(event["stageTimestamp"]).timestamp() * 1_000_000)


def object_of(event: Event) -> tuple[str, str, str]:
    """Name the object that an event is about."""
    reference = event.get("objectRef") or {}
    return reference.get("resource", ""), reference.get("namespace", ""), reference.get("name", "")


def read_cases(folder: Path) -> dict[str, list[Event]]:
    """Read the recorded commands with their events, by the name of the case."""
    with gzip.open(folder / "kubectl.jsonl.gz", "rt", encoding="utf-8") as lines:
        return {case["id"]: case["events"] for case in map(json.loads, lines)}


def read_system_events(folder: Path) -> list[Event]:
    """Read what controllers and kubelets did, from the recorded batches, oldest first."""
    found: list[Event] = []
    for path in sorted([*folder.glob("webhook/*.json.gz"), *folder.glob("load/*.json.gz")]):
        text = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
        found += json.loads(text, strict=False)["items"]
    mine = (event for event in found if event["user"].get("username", "").startswith("system:"))
    return sorted((event for event in mine if "myoperator" not in event["user"]["username"]), key=microseconds)


def read_story(cases: dict[str, list[Event]]) -> Iterator[tuple[int, str, list[Event]]]:
    """Give each case of the story with its time and cluster."""
    for minutes, cluster, case in re.findall(r"([\d.]+) (prod|staging) (\S+)", STORY):
        yield round(float(minutes) * 60_000_000), cluster, cases[case]


def echoes(events: list[Event], system: Iterable[Event]) -> Iterator[Event]:
    """Find what the controllers did within seconds because of a case that wrote something."""
    written = {object_of(event)[1:] for event in events if event["verb"] in WRITES}
    names = {(namespace, name) for namespace, name in written if namespace and name}
    start = microseconds(events[0])
    count = 0
    for event in system:
        _, namespace, name = object_of(event)
        close = 0 <= microseconds(event) - start <= ECHO_SECONDS * 1_000_000
        if close and count < ECHOES_A_CASE and any(namespace == space and root in name for space, root in names):
            count += 1
            yield event


def routine(system: list[Event]) -> list[Event]:
    """Pick a sparse, even part of what the control plane does by itself, no kind of it too often."""
    seen: dict[tuple[str, ...], int] = {}
    kept = []
    for event in system:
        kind = (event["user"]["username"], event["verb"], *object_of(event)[:2])
        seen[kind] = seen.get(kind, 0) + 1
        often = 1 if event["verb"] == "watch" else 5
        if seen[kind] <= often and len(json.dumps(event)) < 6_000:
            kept.append(event)
    step = max(1, len(kept) // ROUTINE_EVENTS)
    return kept[::step][:ROUTINE_EVENTS]


def place(folder: Path) -> list[Placed]:
    """Put every chosen event at its time, oldest first; the last one happens at the end."""
    system = read_system_events(folder)
    placed: list[Placed] = []
    for before, cluster, events in read_story(read_cases(folder)):
        start = microseconds(events[0])
        for event in [*events, *echoes(events, system)]:
            placed.append(Placed(before - (microseconds(event) - start), cluster, event))
    longest = max(item.before for item in placed)
    chosen = routine(system)
    for index, event in enumerate(chosen):
        # A fixed, uneven rhythm: a step of the golden ratio never lines up with the story's times.
        before = round(longest * (1 - (index + (index * 0.618) % 1) / len(chosen)))
        cluster = "staging" if object_of(event)[1] == "staging" else "prod"
        placed.append(Placed(before, cluster, event))
    last = min(item.before for item in placed)
    placed = [item._replace(before=item.before - last) for item in placed]
    return sorted(placed, key=lambda item: -item.before)


def refuse_disorder(placed: list[Placed]) -> None:
    """Stop when one object's writes by the story's people are not in their recorded order."""
    latest: dict[tuple[str, ...], int] = {}
    for item in placed:
        user = item.event["user"].get("username", "")
        refused = (item.event.get("responseStatus") or {}).get("code", 0) >= 400
        if refused or item.event["verb"] not in WRITES or user.startswith("system:") or not object_of(item.event)[2]:
            continue
        key = (item.cluster, *object_of(item.event))
        if microseconds(item.event) < latest.get(key, 0):
            raise SystemExit(f"out of order: {' '.join(key)} at {item.before / 60_000_000:.1f} minutes before the end")
        latest[key] = microseconds(item.event)


def replace_secrets(event: Event) -> None:
    """Replace what a Secret or a token in an event's bodies holds; the program masks it anyway when it receives it."""
    for body in (event.get("requestObject") or {}, event.get("responseObject") or {}):
        if object_of(event)[0] == "secrets":
            for field in {"data", "stringData"} & body.keys():
                body[field] = dict.fromkeys(body[field], "ZXhhbXBsZQ==")
        elif (event.get("objectRef") or {}).get("subresource") == "token" and "token" in body.get("status", {}):
            body["status"]["token"] = "example"


def disguise(event: Event) -> str:
    """Write an event as JSON, with the address of its sender, without the names of tests and values of secrets."""
    replace_secrets(event)
    address = ADDRESSES.get(event["user"].get("username", ""))
    addresses = event.get("sourceIPs")
    # A header that can only travel inside the list comes first; the last one is the sender's own.
    if address and addresses and addresses[-1] == "127.0.0.1":
        event = {**event, "sourceIPs": [*addresses[:-1], address]}
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    for recorded, believable in NAMES.items():
        text = text.replace(recorded, believable)
    return text


def main(arguments: list[str]) -> None:
    """Write the sample."""
    folder = Path(arguments[0])
    output = Path(arguments[1] if len(arguments) > 1 else "audit_webhook/explore/setup/sample.ndjson.gz")
    placed = place(folder)
    refuse_disorder(placed)
    lines = (f"{item.cluster}\t{item.before}\t{disguise(item.event)}\n" for item in placed)
    output.write_bytes(gzip.compress("".join(lines).encode(), 9, mtime=0))
    print(f"{len(placed)} events, {output.stat().st_size:,} bytes: {output}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(sys.argv[1:])
