"""One event is part of one command, wherever it is asked for: feed, event's page, list, export, JSON, any filter."""

from __future__ import annotations

import html
import json
import re
from itertools import chain
from typing import Any, Final

import pytest
from flask.testing import FlaskClient

from tests.factories import event_list
from tests.kubectl.test_kubectl import CASES

FILTERS: Final = (
    "", "verb:patch", "verb:get", "verb:delete", "resource:nodes", "resource:pods", "code:>=400", "ns:shop",
    "user:alice", "command:apply", "manager:kubectl-label", "verb:create -resource:pods",
)
_LINE: Final = re.compile(
    r'<code class="typed is-\w+ exact" title="(?:Typed|Likely|Not kubectl; the same as): ([^"]*)">'
)
_FOLDS: Final = re.compile(r'data-folds="([^"]*)"')
_Told = tuple[str | None, str | None]


@pytest.fixture
def recorded(client: FlaskClient) -> FlaskClient:
    """The application with a part of the recorded runs, in the order of their times."""
    runs = [case for case in CASES if not case["id"].startswith(("told-", "other"))][::4]
    events = sorted(chain.from_iterable(run["events"] for run in runs), key=lambda event: str(event["stageTimestamp"]))
    for start in range(0, len(events), 200):
        answer = client.post("/webhook/audit/prod", data=event_list(events[start:start + 200]))
        assert answer.status_code == 200, answer.text
    return client


def commands(client: FlaskClient, text: str, limit: int) -> dict[str, _Told]:
    """Return the command of each event, from the list of commands; no event is part of two."""
    told: dict[str, _Told] = {}
    cursor = ""
    while True:
        query = {"q": text, "limit": str(limit), **({"cursor": cursor} if cursor else {})}
        answer = client.get("/api/v1/commands", query_string=query).get_json()
        for command in answer["commands"]:
            for each in command["events"]:
                assert each not in told, f"{each} is part of two commands"
                told[each] = (command["command"], command["confidence"])
        cursor = answer["next"]
        if not cursor:
            return told


def of_documents(documents: list[dict[str, Any]]) -> dict[str, _Told]:
    known = [(each["id"], each["kubectl"] or {}) for each in documents]
    return {identifier: (told.get("command"), told.get("confidence")) for identifier, told in known}


def test_event_has_one_command_in_lists_exports_and_by_itself(recorded: FlaskClient) -> None:
    whole = commands(recorded, "", 500)
    exported = recorded.get("/api/v1/export").text.splitlines()
    assert of_documents([json.loads(line) for line in exported]) == whole
    cursor, listed = "", {}
    while cursor is not None:
        answer = recorded.get(f"/api/v1/events?limit=70{f'&cursor={cursor}' if cursor else ''}").get_json()
        listed |= of_documents(answer["events"])
        cursor = answer["next"]
    assert listed == whole
    alone = [recorded.get(f"/api/v1/events/{each}").get_json() for each in list(whole)[::7]]
    assert of_documents(alone) == {each["id"]: whole[each["id"]] for each in alone}


@pytest.mark.parametrize("text", FILTERS[1:])
def test_command_is_the_same_under_any_filter_that_keeps_it(recorded: FlaskClient, text: str) -> None:
    """A filter chooses commands, and takes none of their requests away: nothing becomes surer, or another command."""
    whole = commands(recorded, "", 500)
    for limit in (500, 9):
        narrowed = commands(recorded, text, limit)
        assert narrowed == {each: whole[each] for each in narrowed}
    answer = recorded.get("/api/v1/events", query_string={"q": text, "limit": "500"}).get_json()
    assert {event["id"] for event in answer["events"]} <= set(narrowed)


def test_page_of_an_event_and_feed_show_the_command_of_the_list(recorded: FlaskClient) -> None:
    whole = commands(recorded, "", 500)
    shown: dict[str, str] = {}
    for text in ("", "verb:patch", "verb:delete"):
        for row in recorded.get("/", query_string={"q": text}).text.split('<li class="row')[1:]:
            line, folds = _LINE.search(row), _FOLDS.search(row)
            assert folds
            if line:
                shown |= dict.fromkeys(folds[1].split(" "), html.unescape(line[1]))
    assert len(shown) > 30
    for each, line in shown.items():
        assert (whole[each][0] or "")[:300] == line[:300]
    for each in list(shown)[::6]:
        assert (whole[each][0] or "")[:300] in html.unescape(recorded.get(f"/events/{each}").text)
