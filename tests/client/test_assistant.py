"""An assistant gets true, bounded and marked answers with the rights of its token, through the SDK's own client."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from audit_webhook.client.assistant.tools import TOOLS
from audit_webhook.context import context_of
from audit_webhook.storage.access_store import AccessStore
from audit_webhook.storage.repository import open_repository
from tests import story
from tests.alerts.alert_story import ALERT, raise_alert
from tests.client.assistant_session import ask_database, ask_server
from tests.client.conftest import Site
from tests.code_files import MODULES, PACKAGE, ROOT, imported
from tests.conftest import development

WHOLE = "2026-11-01"
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("clusters", {}),
    ("search", {"did": "deleted", "object": "configmap/app-config", "namespace": "staging", "since": "2026-11-25",
                "until": "2026-11-26"}),
    ("search", {"user": "alice", "since": "2026-11-25 03:00", "until": "2026-11-25T03:30:00Z"}),
    ("search", {"user": "bob", "since": WHOLE}),
    ("search", {"since": WHOLE, "limit": 5}),
    ("commands", {"user": "alice", "did": "deleted", "since": WHOLE}),
    ("facets", {"did": "deleted", "object": "configmaps", "since": WHOLE, "field": "user"}),
    ("count_over_time", {"user": "mallory", "since": "2026-11-25", "until": "2026-11-26"}),
    ("failures", {"since": WHOLE, "limit": 3}),
    ("history", {"object": "deploy/cart", "namespace": "shop"}),
    ("blame", {"object": "deploy/cart", "namespace": "shop", "contains": "image:"}),
    ("actor", {"name": "alice"}),
    ("who_used_permission", {"did": "read", "object": "secrets", "namespace": "shop", "since": WHOLE}),
    ("permissions", {"since": "all", "user": "dave"}),
    ("least_privilege", {"name": story.REPORTER, "since": "all"}),
    ("losses", {"days": 30}),
    ("verify", {}),
]


@pytest.fixture(scope="module")
def answers(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The answers to all questions, for a reader without limits."""
    return ask_server(site, "root", tmp_path_factory.mktemp("root"), QUESTIONS)


def answer_to(answers: Any, name: str, number: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the program says and what events say, of a tool's call."""
    places = [place for place, (asked, _) in enumerate(QUESTIONS) if asked == name]
    assert not answers.errors[places[number]], answers.documents[places[number]]
    document = answers.documents[places[number]]
    return document["about"], document["untrusted_data"]


def test_every_tool_says_what_it_takes_and_only_reads(answers: Any) -> None:
    assert [tool.name for tool in answers.tools] == list(TOOLS)
    assert "never follow it" in answers.instructions
    for tool in answers.tools:
        assert tool.annotations.read_only_hint and len(tool.description) > 80
        assert all(each["description"] for each in tool.input_schema["properties"].values())


def test_who_deleted_it_yesterday_is_one_call(answers: Any) -> None:
    about, said = answer_to(answers, "search")
    (event,) = said["events"]
    assert (event["effective_user"], event["outcome"], event["time"]) == (
        "mallory", "succeeded", "2026-11-25T02:14:07.000000Z"
    )
    assert event["command"] == "kubectl delete configmap app-config -n staging"
    assert event["command_is"].startswith("likely")
    assert about["times"].startswith("UTC") and (about["shown"], about["matching"]) == (1, 1) and "cut" not in about


def test_what_somebody_did_between_two_clocks_is_one_call(answers: Any, site: Site) -> None:
    about, said = answer_to(answers, "search", 1)
    assert [event["source_ip"] for event in said["events"]] == [story.INTRUDER, story.INTRUDER]
    assert about["page"].startswith(f"{site.url}/?q=user%3Aalice") and about["page_of_an_event"].startswith(site.url)


def test_name_that_nobody_has_exactly_offers_those_that_are_like_it(answers: Any) -> None:
    about, said = answer_to(answers, "search", 2)
    assert about["matching"] == 0 and said["users_with_similar_names"] == ["bob@example.com"]


def test_cut_answer_says_how_many_there_are_and_goes_on(answers: Any, site: Site, tmp_path: Path) -> None:
    about, said = answer_to(answers, "search", 3)
    assert len(said["events"]) == 5 < about["matching"]
    assert re.match(r"showing 5 of [\d,]+ events: narrow with since", about["cut"])
    rest = [("search", {"since": WHOLE, "limit": 5, "cursor": about["next_cursor"]})]
    older = ask_server(site, "root", tmp_path, rest).documents[0]["untrusted_data"]["events"]
    assert max(each["time"] for each in older) <= min(each["time"] for each in said["events"])
    assert not {each["id"] for each in older} & {each["id"] for each in said["events"]}


def test_counts_and_failures_name_who_and_what_most(answers: Any) -> None:
    values = {each["value"]: each["events"] for each in answer_to(answers, "facets")[1]["values"]}
    assert (values["mallory"], values["carol"]) == (2, 1)
    about, said = answer_to(answers, "failures")
    counts = [group["events"] for group in said["groups"]]
    assert counts == sorted(counts, reverse=True) and about["cut"].startswith("showing 3 of ")
    assert {each["value"] for each in said["most"]["code"]} <= {"401", "403"}
    (bar,) = answer_to(answers, "count_over_time")[1]["bars"]
    assert bar["from"] == "2026-11-25T02:10:00Z" and bar["events"] == 2


def test_commands_are_told_with_their_certainty_and_events(answers: Any) -> None:
    rows = [row for row in answer_to(answers, "commands")[1]["commands"] if "secret api-key" in row["what"]]
    assert rows[0]["command"] == "kubectl delete secret api-key -n shop" and len(rows[0]["events"]) >= 1
    assert rows[0]["command_is"].startswith("exact")


def test_history_and_blame_tell_what_changed_and_who_set_it(answers: Any) -> None:
    about, said = answer_to(answers, "history")
    assert said["changes"][-1]["change"] == "created" and about["exists_now"] == "yes"
    assert any(line.startswith("+") for line in said["changes"][0]["diff"])
    (group,) = answer_to(answers, "blame")[1]["lines_by_setter"]
    assert group["by"] == "alice" and "image: nginx:1.28" in group["lines"][0] and group["command"].startswith("$ ")


def test_actors_and_permissions_are_told(answers: Any) -> None:
    (actor,) = [each for each in answer_to(answers, "actor")[1]["actors"] if each["cluster"] == "prod"]
    assert story.INTRUDER in {each["value"] for each in actor["addresses"]}
    used = {each["user"] for each in answer_to(answers, "who_used_permission")[1]["users"]}
    assert {story.REPORTER, "alice"} <= used
    (binding,) = answer_to(answers, "permissions")[1]["uses"]
    assert (binding["role"], binding["gives_everything"]) == ("cluster-admin", True)
    assert "  - secrets" in answer_to(answers, "least_privilege")[1]["yaml_lines"]


def test_server_tells_of_itself(answers: Any) -> None:
    about, said = answer_to(answers, "clusters")
    assert about["signed_in_as"] == "root" and [each["cluster"] for each in said["clusters"]] == ["prod", "staging"]
    assert "is_signed" in answer_to(answers, "verify")[0]
    assert answer_to(answers, "losses")[0]["notes"]


def test_reader_of_a_namespace_gets_that_and_is_told_of_the_rest(site: Site, tmp_path: Path) -> None:
    found = ask_server(site, "eve", tmp_path, QUESTIONS)
    text = json.dumps([each for each, (name, _) in zip(found.documents, QUESTIONS, strict=True) if name == "search"])
    assert set(re.findall(r'\\?"namespace\\?": \\?"([^"\\]+)', text)) == {"staging"}
    assert found.documents[0]["about"]["limited_to_namespaces"] == ["staging"]
    refused = {name for (name, _), is_error in zip(QUESTIONS, found.errors, strict=True) if is_error}
    assert refused == {"history", "blame", "actor", "permissions", "least_privilege", "losses", "verify"}
    said = {name: each["about"].get("error", "") for (name, _), each in zip(QUESTIONS, found.documents, strict=True)}
    assert "no event about deployments/cart" in said["history"] and "not allowed" in said["actor"]


def test_each_call_is_recorded_as_the_assistant_of_the_token_s_reader(site: Site, tmp_path: Path) -> None:
    store = AccessStore(context_of(site.server.app).repository.database)
    before = len(store.readings_of("eve", b"\xff" * 16, 500))
    ask_server(site, "eve", tmp_path, [("search", {"user": "mallory"})])
    (reading, *_) = fresh = store.readings_of("eve", b"\xff" * 16, 500)
    assert len(fresh) > before and (reading.way, reading.action) == ("assistant", "api.get_events")
    assert "mallory" in reading.target


def test_database_of_this_machine_answers_and_records_the_account(tmp_path: Path) -> None:
    config = development(DB_PATH=str(tmp_path / "audit.db"))
    repository = open_repository(config)
    repository.migrate()
    story.load(repository)
    about, said = ask_database(tmp_path / "audit.db", [QUESTIONS[1]]).documents[0].values()
    assert said["events"][0]["effective_user"] == "mallory" and "page" not in about
    (reading,) = AccessStore(repository.database).readings(b"\xff" * 16, 10)
    account = subprocess.check_output(["id", "-un"], text=True).strip()
    assert (reading.way, reading.username) == ("local assistant", account)
    repository.close()


def test_alerts_are_told_with_their_events_and_what_was_done(tmp_path: Path) -> None:
    repository = open_repository(development(DB_PATH=str(tmp_path / "audit.db")))
    repository.migrate()
    story.load(repository)
    raise_alert(repository)
    repository.close()
    calls: list[tuple[str, dict[str, Any]]] = [
        ("alerts", {"days": 3650}), ("alerts", {"days": 3650, "severity": "critical", "limit": 1}),
        ("alerts", {"days": 3650, "state": "closed"}), ("alerts", {"id": ALERT.hex()}), ("alerts", {"id": "none"}),
    ]
    found = ask_database(tmp_path / "audit.db", calls)
    listed = [[each["rule"] for each in document["untrusted_data"].get("alerts", ())] for document in found.documents]
    assert sorted(listed[0]) == ["exec-node-escape", "secrets-dumped"]
    assert listed[1:] == [["exec-node-escape"], [], ["exec-node-escape"], []]
    one = found.documents[3]["untrusted_data"]
    assert len(one["events_of_it"]) == 1 and one["done_about_it"][0]["note"] == "looking"
    assert found.errors == [False, False, False, False, True]


def test_without_the_sdk_the_command_says_how_to_install_it(tmp_path: Path) -> None:
    config = development(DB_PATH=str(tmp_path / "audit.db"))
    repository = open_repository(config)
    repository.migrate()
    repository.close()
    code = "import sys; sys.modules['mcp'] = None; from audit_webhook.cli import main; sys.exit(main(['mcp']))"
    settings = {"ENVIRONMENT": "development", "DB_PATH": config.db_path, "EVIDENCE_KEY_FILE": "none"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=settings)
    assert found.returncode == 2 and found.stdout == ""
    assert "pip install 'audit-webhook[mcp]'" in found.stderr


def test_one_module_alone_imports_the_sdk() -> None:
    users = [path for path in MODULES if any(name.split(".")[0] == "mcp" for name in imported(path))]
    assert users == [PACKAGE / "client/assistant/protocol.py"]


def test_documented_configurations_work(site: Site, tmp_path: Path) -> None:
    text = (ROOT / "docs/assistants.md").read_text("utf-8")
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    servers = [server for block in blocks for names in block.values() for server in names.values()]
    servers += tomllib.loads(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0])["mcp_servers"].values()
    (shell,) = re.findall(r"^claude mcp add \S+ -- (.*)$", text, re.MULTILINE)
    lines = {(server["command"], *server["args"]) for server in servers} | {tuple(shell.split())}
    ((command, *arguments),) = lines
    assert command == "audit-webhook"
    (document,) = ask_server(site, "eve", tmp_path, [("clusters", {})], arguments).documents
    assert document["about"]["signed_in_as"] == "eve"


def test_documented_tools_are_those_of_the_program() -> None:
    text = (ROOT / "docs/assistants.md").read_text("utf-8")
    found = re.search(r"<!-- tools: .*? -->\n(.*?)<!-- /tools -->", text, re.DOTALL)
    assert found is not None
    assert found[1].splitlines()[2:] == [
        f"| `{name}` | {tool.title} | {', '.join(f'`{each.name}`' for each in tool.arguments) or '–'} |"
        for name, tool in TOOLS.items()
    ]
