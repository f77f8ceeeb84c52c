"""Saved searches are named, shared, and show the columns that they were saved with."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from audit_webhook.errors import InvalidParameter
from audit_webhook.query import QueryError
from audit_webhook.search import saved
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.scope import EVERYWHERE, Reader, Scope
from tests.factories import NOON_US, audit_event, event_list

OWN = {"Sec-Fetch-Site": "same-origin"}


def test_saved_search_is_found_under_its_name(repository: Repository) -> None:
    saved.save(repository, " Who  reads secrets ", "resource:secrets", ["ip", "ns", "nonsense"], NOON_US)
    saved.save(repository, "All", "", [], NOON_US)
    found = saved.list_saved(repository)
    assert [(each.name, each.query, each.columns) for each in found] == [
        ("All", "", []), ("Who reads secrets", "resource:secrets", ["ns", "ip"]),
    ]
    saved.delete(repository, found[0].id)
    saved.delete(repository, found[0].id)
    assert [each.name for each in saved.list_saved(repository)] == ["Who reads secrets"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 81])
def test_name_has_a_length(repository: Repository, name: str) -> None:
    with pytest.raises(InvalidParameter):
        saved.save(repository, name, "", [], NOON_US)


def test_name_is_taken_once_and_a_query_must_be_readable(repository: Repository) -> None:
    saved.save(repository, "mine", "user:alice", [], NOON_US)
    with pytest.raises(InvalidParameter, match="already"):
        saved.save(repository, "mine", "user:bob", [], NOON_US)
    with pytest.raises(QueryError):
        saved.save(repository, "broken", "user:(", [], NOON_US)
    assert len(saved.list_saved(repository)) == 1


def test_there_is_an_end_to_how_many(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MOST", 1)
    saved.save(repository, "first", "", [], NOON_US)
    with pytest.raises(InvalidParameter, match="delete one first"):
        saved.save(repository, "second", "", [], NOON_US)


def test_search_is_saved_and_deleted_on_the_page(sqlite_client: FlaskClient) -> None:
    sqlite_client.post("/webhook/audit/prod", data=event_list([audit_event(0)]))
    form = {"q": "user:alice", "name": "<b>Alice</b>", "columns": ["ip", "user"]}
    answer = sqlite_client.post("/saved", data=form, headers=OWN)
    assert (answer.status_code, answer.location) == (303, "/?q=user:alice&columns=ip&columns=user")
    page = sqlite_client.get("/").text
    assert "&lt;b&gt;Alice&lt;/b&gt;" in page and 'href="/?q=user:alice&amp;columns=user&amp;columns=ip"' in page
    delete = re.search(r'action="(/saved/\w{26}/delete)"', page)
    assert delete and sqlite_client.post(delete[1], headers=OWN).status_code == 303
    assert "Alice" not in sqlite_client.get("/").text


def test_other_sites_can_neither_save_nor_delete(sqlite_client: FlaskClient) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert sqlite_client.post("/saved", data={"q": "", "name": "x"}, headers=foreign).status_code == 403
    assert sqlite_client.post("/saved/0/delete", headers=foreign).status_code == 403
    assert sqlite_client.post("/saved/0/delete", headers=OWN).status_code == 400
    assert sqlite_client.post("/saved", data={"q": "((", "name": "x"}, headers=OWN).status_code == 400


def test_rows_have_the_chosen_columns_and_links_keep_them(sqlite_client: FlaskClient) -> None:
    events = [audit_event(second) for second in range(60)]
    sqlite_client.post("/webhook/audit/prod", data=event_list(events))
    page = sqlite_client.get("/?q=&columns=ip&columns=ns&columns=evil").text
    assert '<span class="cell" data-field="ip" title="10.20.4.17">' in page and 'data-field="client"' not in page
    assert 'class="columns-2"' in page
    links = re.findall(r'(?:href|hx-get|data-live-url)="(/(?:feed/\w+)?\?[^"]*)"', page)
    menus = [link for link in links if "columns=" not in link]
    assert len(links) > 15 and all("q=" in link for link in menus)
    assert [link for link in links if "cursor=" in link and "columns=ip&amp;columns=ns" not in link] == []
    live = re.search(r'data-live="([^"]+)" data-live-url="([^"]+)"', page)
    sqlite_client.post("/webhook/audit/prod", data=event_list([audit_event(99)]))
    assert live and 'data-field="ip"' in sqlite_client.get(live[2].replace("&amp;", "&") + live[1]).text


def test_usual_columns_need_no_words() -> None:
    assert saved.choose_columns([]) == saved.choose_columns(["nothing"]) == ("ns", "client", "cluster")
    assert saved.choose_columns(saved.COLUMNS) == saved.COLUMNS[:6]
    assert [column.name for column in saved.list_columns(["ip"]) if column.is_on] == ["ip"]


def test_limited_reader_finds_and_deletes_only_their_own(repository: Repository) -> None:
    root, eve = Reader("root", "admin", EVERYWHERE, "session"), Reader("eve", "viewer", EVERYWHERE, "session")
    bob = Reader("bob", "viewer", Scope(frozenset({"prod"}), None), "session")
    saved.save(repository, "same", "cluster:hidden", [], NOON_US, root)
    saved.save(repository, "same", "cluster:prod", [], NOON_US, bob)
    assert [(each.query, each.is_own) for each in saved.list_saved(repository, bob)] == [("cluster:prod", True)]
    assert [each.is_own for each in saved.list_saved(repository, eve)] == [False, False]
    (roots,) = [each for each in saved.list_saved(repository, root) if each.query == "cluster:hidden"]
    for other in (bob, eve):
        saved.delete(repository, roots.id, other)
    assert len(saved.list_saved(repository, root)) == 2
    for each in saved.list_saved(repository, root):
        saved.delete(repository, each.id, root)
    assert saved.list_saved(repository, bob) == []
