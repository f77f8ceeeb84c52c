"""The histogram coloured by a field, and the values of a field as a table."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from audit_webhook.search.histogram import aggregate
from audit_webhook.search.histogram.view import SHOWN_SERIES
from tests.factories import audit_event, event_list

SINCE = "since:2026-11-23T11:00 until:2026-11-23T14:00"


def send(client: FlaskClient, *events: dict[str, Any]) -> None:
    assert client.post("/webhook/audit/prod", data=event_list(events)).status_code == 200


def by(client: FlaskClient, field: str, query: str = SINCE) -> dict[str, int]:
    series = client.get("/api/v1/histogram", query_string={"q": query, "by": field}).get_json()["series"]
    return {name: sum(bars) for name, bars in series.items()}


def test_bars_are_of_the_values_of_any_field_and_add_up(client: FlaskClient) -> None:
    users = ["alice"] * 5 + ["bob"] * 3 + ["carol"]
    send(client, *(audit_event(number * 60, user={"username": name}) for number, name in enumerate(users)))
    assert by(client, "user") == {"alice": 5, "bob": 3, "carol": 1}
    assert list(by(client, "user")) == ["alice", "bob", "carol"]
    for query in (SINCE, f"{SINCE} web", "since:2026-11-20"):  # from tallies, from events, and from both
        for field in aggregate.CHARTED:
            assert sum(by(client, field, query).values()) == 9, (query, field)
    assert client.get("/api/v1/histogram?by=nonsense").status_code == 400


def test_rare_values_are_the_others_on_the_page(sqlite_client: FlaskClient) -> None:
    numbers = range(SHOWN_SERIES + 3)
    events = [audit_event(n, user={"username": f"user-{n}"}) for n in numbers for _ in range(20 - n)]
    send(sqlite_client, *events)
    page = sqlite_client.get("/feed/picture", query_string={"q": SINCE, "by": "user"}).text
    legend = re.findall(r'<span class="s-(\w+)"><i aria-hidden="true"></i>([\d,]+) ([^<]+)</span>', page)
    assert legend[0] == ("v0", "20", "user-0") and legend[-1] == ("others", str(14 + 13 + 12), "others")
    assert len(legend) == SHOWN_SERIES + 1


def test_so_many_values_have_bars_of_their_own_and_no_more(
    sqlite_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregate, "MOST_SERIES", 3)
    send(sqlite_client, *(audit_event(number, user={"username": f"user-{number}"}) for number in range(10)))
    found = by(sqlite_client, "user")
    assert len(found) == 4 and found[aggregate.OTHERS] == 7 and list(found)[-1] == aggregate.OTHERS


def test_values_of_a_field_stand_in_a_table_with_their_share(client: FlaskClient) -> None:
    hostile = "<b>x</b>\u202e"
    account = "system:serviceaccount:shop:ci"
    users = ["alice"] * 6 + [account] * 3 + [hostile]
    send(client, *(audit_event(number, user={"username": name}) for number, name in enumerate(users)))
    page = client.get("/values", query_string={"q": SINCE, "by": "user"}).text
    rows = re.findall(r'>([^<]+)</a></td>\s*<td class="num">([\d,]+)</td><td class="num">([\d.]+) %', page)
    assert rows[:2] == [("alice", "6", "60.0"), ("shop/ci", "3", "30.0")] and len(rows) == 3
    assert hostile not in page and page.count('class="spark"') == 3
    link = re.search(r'href="(/\?q=[^"]*serviceaccount[^"]*)"', page)
    assert link and client.get(link[1].replace("&amp;", "&")).text.count('class="row') == 3
    assert "Nothing matches" in client.get("/values?q=user:nobody&by=nonsense").text
    assert len(re.findall("<tr><td", client.get("/values", query_string={"q": "user:alice", "by": "user"}).text)) == 1
    assert client.get("/values?q=user:(").status_code == 400
