"""Tools about an object: its changes with what differs, and who set each line of its manifest."""

from __future__ import annotations

from argparse import Namespace
from itertools import groupby
from typing import Any, Final
from urllib.parse import quote as escape

from audit_webhook.client import object_verbs
from audit_webhook.client.answers import Session
from audit_webhook.client.assistant.arguments import Argument
from audit_webhook.client.assistant.event_rows import row_of
from audit_webhook.client.assistant.questions import CLUSTER
from audit_webhook.client.assistant.results import Found
from audit_webhook.client.connection import Document
from audit_webhook.client.targets import Found as Place
from audit_webhook.client.targets import find_object, read_target

MOST_LINES: Final = 50
OBJECT: Final = (
    Argument("object", "one object as kubectl takes it: deployment/web, cm/app-config, clusterrole/admin",
             is_required=True),
    Argument("namespace", "its namespace, needed where several have an object of this name"),
    CLUSTER._replace(meaning="its cluster, needed where several have such an object"),
)
HISTORY: Final = (
    *OBJECT,
    Argument("diffs", "also give what each change changed, as lines of YAML with + and -", "boolean", default=True),
    Argument("limit", "how many changes at most", "integer", default=10, at_most=50),
    Argument("before", "next_before of the answer before: the older changes"),
)
BLAME: Final = (*OBJECT, Argument("contains", "only lines of the manifest with this text, such as image or replicas"))


def history(given: Namespace, session: Session) -> Found:
    """Return the changes of an object, newest first."""
    place = _find(given, session)
    life = session.source.get("objects", *place, before=given.before)
    rows = [_change(each, given.diffs) for each in life["changes"]]
    exists = {} if given.before else {"exists_now": _truth(life["exists"])}
    about: dict[str, Any] = {**exists, **_page(session, place)}
    if len(rows) > given.limit:
        about["next_before"] = rows[given.limit - 1]["id"]
    elif life["older"]:
        about["next_before"] = life["older"]
    return Found("changes", rows[:given.limit], {"object": place._asdict()}, about, total=len(rows),
                 is_exact=not life["older"], narrow="give next_before as before for the older ones",
                 continues="next_before")


def _change(change: Document, has_diffs: bool) -> dict[str, Any]:
    row = row_of(change["event"]) | {"change": change["deed"]}
    if change["note"]:
        row["note"] = change["note"]
    gap = change["unrecorded"]
    if gap:
        row["before_it"] = {"what": "requests that are not recorded changed the object", "from": gap["since"],
                            "until": gap["until"], **({"diff": _cut(gap["diff"])} if has_diffs else {})}
    if has_diffs:
        row["diff"] = _cut(change["diff"], change["left_out"])
    return row


def _cut(lines: list[str] | None, left_out: int = 0) -> list[str] | str:
    if lines is None:
        return "not known: the content was not recorded"
    more = len(lines) - MOST_LINES + left_out if len(lines) > MOST_LINES else left_out
    return [*lines[:MOST_LINES], *([f"({more:,} more lines)"] if more else [])] or "no difference"


def blame(given: Namespace, session: Session) -> Found:
    """Return the lines of an object's manifest in groups with who set them, when and with which command."""
    place = _find(given, session)
    chosen = Namespace(object=[f"{place.resource}{'' if place.group == 'core' else '.' + place.group}", place.name],
                       namespace=None if place.namespace == "-" else place.namespace)
    answer = next(object_verbs.blame(chosen, session._replace(cluster=place.cluster)))
    numbered = [
        (row[:3], number, row[3]) for number, row in enumerate(answer.rows, 1)
        if not given.contains or given.contains.lower() in row[3].lower()
    ]
    rows = [
        {"set_at": setter[0], "by": setter[1], "command": setter[2],
         "lines": [f"{number}: {text}" for _, number, text in part]}
        for setter, group in groupby(numbered, key=lambda each: each[0]) for part in _parts(list(group))
    ]
    notes = [*answer.notes, "no line has this text" if given.contains and not rows else ""]
    about = {"lines_of_the_manifest": len(answer.rows), "lines_matching": len(numbered), **_page(session, place),
             "before_a_command": "$ means typed exactly so, ≈ likely or one of several ways; - none is known"}
    return Found("lines_by_setter", rows, {"object": place._asdict()}, about, notes,
                 narrow="name a text of the lines with contains")


def _parts(lines: list[Any], size: int = MOST_LINES) -> list[list[Any]]:
    return [lines[start:start + size] for start in range(0, len(lines), size)]


def _find(given: Namespace, session: Session) -> Place:
    words = read_target(given.object.split())
    return find_object(session.source, words, given.namespace, given.cluster or session.cluster)


def _page(session: Session, place: Place) -> dict[str, str]:
    path = "/".join(escape(part, safe="") for part in place)
    return {"page": f"{session.source.url}/objects/{path}"} if session.source.url else {}


def _truth(value: bool | None) -> str:
    return {True: "yes", False: "no, it was deleted", None: "not known"}[value]
