"""Rules: the files are read strictly, every example does as it must, and a rule fires on what it means alone."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from audit_webhook.alerts.examples import BadExample, events_of, failures, fire
from audit_webhook.alerts.rule import Example, Rule
from audit_webhook.alerts.rule_book import RuleBook, request_key, required
from audit_webhook.alerts.rule_files import RuleError, built_in_rules, read_file, read_text
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.alerts.windows import MOST_KEYS, Windows
from audit_webhook.cli import main
from audit_webhook.query import parse
from tests.factories import NOON_US
from tests.recorded import read

RULE = """
[[rule]]
id = "a-rule"
title = "A title"
severity = "high"
query = "verb:delete resource:secrets"
why = "Because."
next = "Look."
fire = ["delete secrets shop/a"]
pass = ["get secrets shop/a"]
"""


def rule(text: str = "", **changes: str) -> Rule:
    """Read a rule that differs from the plain one."""
    written = RULE
    for key, value in changes.items():
        key = key.rstrip("_")
        line = f"{key} = {value}"
        written = re.sub(rf"(?m)^{key} = .*$", lambda _, line=line: line, written) if re.search(
            rf"(?m)^{key} = ", written) else f"{written}{line}\n"
    return read_text(written + text, "rules.toml")[0]


def example(*events: object) -> Example:
    """Make an example that must fire."""
    return Example(events, must_fire=True)


def test_built_in_rules_are_many_and_each_does_what_its_examples_say() -> None:
    rules = built_in_rules()
    assert len(rules) >= 90 and len({each.id for each in rules}) == len(rules)
    assert [failure for each in rules for failure in failures(each)] == []
    assert all(any(each.must_fire for each in one.examples) and not all(
        each.must_fire for each in one.examples) for one in rules)


def test_built_in_rules_are_looked_at_only_where_they_can_match() -> None:
    book = RuleBook(built_in_rules())
    event = read(verb="get", objectRef={"resource": "leases", "namespace": "kube-system", "name": "a"})
    assert len(book.candidates(event)) < 10


@pytest.mark.parametrize(("changes", "said"), [
    ({"severity": '"bad"'}, "rules.toml:5: rule a-rule: severity is one of info, low, medium, high, critical"),
    ({"query": '"verb:"'}, "rules.toml:6: rule a-rule: 'verb:' at character 1: verb: needs a value"),
    ({"query": '""'}, "query is a text"), ({"query": '"()"'}, "rules.toml:6"),
    ({"colour": '"red"'}, "colour is not a key of a rule"), ({"id": '"A Rule"'}, "'A Rule' is no id"),
    ({"attack": '["1611"]'}, "attack is a list of texts such as T1611"), ({"fire": "[]"}, "at least one"),
    ({"threshold": '{count = 1, by = ["user"], within = "5m"}'}, "count is a number from 2"),
    ({"threshold": '{count = 3, by = ["body"], within = "5m"}'}, "body is not a field with one value"),
    ({"threshold": '{count = 3, by = ["user"], within = "40d"}'}, "within is a time such as 90s"),
    ({"new": '{of = ["user"], within = "7d"}', "threshold": '{count = 3, by = ["user"], within = "5m"}'}, "one of"),
    ({"sequence": '{after = "verb:(", by = ["user"], within = "5m"}'}, "verb:("),
    ({"failed": '"yes"'}, "failed is true or false"),
])
def test_mistake_is_named_with_file_and_line(changes: dict[str, str], said: str) -> None:
    with pytest.raises(RuleError) as raised:
        rule(**changes)
    assert str(raised.value).startswith("rules.toml:") and said in str(raised.value)


def test_missing_key_repeated_id_and_broken_file_are_refused() -> None:
    with pytest.raises(RuleError, match=r"rules.toml:2: rule a-rule: why is missing"):
        read_text(RULE.replace('why = "Because."\n', ""), "rules.toml")
    with pytest.raises(RuleError, match="the id a-rule is taken"):
        read_text(RULE + RULE, "rules.toml")
    with pytest.raises(RuleError, match="is not TOML"):
        read_text("[[rule]", "rules.toml")
    with pytest.raises(RuleError, match="nothing else"):
        read_text("rules = 1", "rules.toml")


def test_failing_example_is_told() -> None:
    wrong = rule(fire='["get secrets shop/a", "secrets"]', pass_='["delete secrets shop/a"]')
    assert [failure.rpartition(": ")[2] for failure in failures(wrong)][0::2] == ["nothing was found", "it fired"]
    with pytest.raises(BadExample):
        list(events_of(example({"do": "get pods a", "colour": "red"})))


def test_denied_attempt_is_a_grade_lower_and_a_dry_run_is_nothing() -> None:
    one = rule()
    assert [hit.severity for hit in fire(one, example("delete secrets shop/a"))] == ["high"]
    assert [hit.severity for hit in fire(one, example("delete secrets shop/a -> 403"))] == ["medium"]
    assert fire(rule(denied='"skip"'), example("delete secrets shop/a -> 403")) == []
    assert fire(one, example("delete secrets shop/a -> 404")) == []
    assert len(fire(rule(failed="true"), example("delete secrets shop/a -> 404"))) == 1
    assert fire(one, example({"do": "delete secrets shop/a", "request": {"dryRun": ["All"]}})) == []
    assert fire(one, example({"do": "delete secrets shop/a", "stage": "RequestReceived"})) == []


def test_threshold_counts_different_requests_within_its_time() -> None:
    counted = rule(threshold='{count = 3, by = ["user"], within = "10s"}')
    assert len(fire(counted, example({"do": "delete secrets shop/a", "times": 3}))) == 1
    assert len(fire(counted, example({"do": "delete secrets shop/a", "times": 5}))) == 3
    slow = {"do": "delete secrets shop/a", "after": 6}
    assert fire(counted, example(slow, slow, slow, slow)) == []
    by_two = [f"delete secrets shop/a by {name}" for name in ("alice", "bob", "alice", "bob")]
    assert fire(counted, example(*by_two)) == []
    distinct = rule(threshold='{count = 3, by = ["user"], within = "10s", distinct = "name"}')
    assert fire(distinct, example({"do": "delete secrets shop/a", "times": 9})) == []
    assert len(fire(distinct, example({"do": "delete secrets shop/{}", "times": 3}))) == 1


def test_something_new_is_told_once_and_only_after_a_day_of_learning() -> None:
    fresh = rule(new='{of = ["user"], within = "7d"}')
    again = {"do": "delete secrets shop/a", "after": 86_400}
    assert len(fire(fresh, example("delete secrets shop/a", "delete secrets shop/b", again))) == 1
    windows, event = Windows(), read(verb="delete", objectRef={"resource": "secrets", "name": "a"})
    assert not windows.fires(fresh, event, b"", is_first=False)


def test_sequence_needs_its_beginning_by_the_same_actor_in_time() -> None:
    after = rule(sequence='{after = "verb:create resource:rolebindings", by = ["user"], within = "5m"}')
    first, then = "create rolebindings shop/b", "delete secrets shop/a"
    assert len(fire(after, example(first, then))) == 1
    assert fire(after, example(then, first)) == [] and fire(after, example(first, f"{then} by bob")) == []
    assert fire(after, example(first, {"do": then, "after": 400})) == []
    assert fire(after, example(f"{first} -> 403", then)) == []


def test_what_is_remembered_is_bounded_and_comes_back_as_it_was() -> None:
    fresh = rule(new='{of = ["user"], within = "7d"}')
    windows = Windows(learning=0)
    for number in range(MOST_KEYS + 10):
        windows.fires(fresh, read(verb="delete", user={"username": f"u{number}"}), b"", is_first=False)
    kept = windows.changes()
    assert len(kept) == MOST_KEYS
    other = Windows(learning=0)
    other.load(kept)
    assert not other.fires(fresh, read(verb="delete", user={"username": f"u{number}"}), b"", is_first=False)
    assert other.fires(fresh, read(verb="delete", user={"username": "u0"}), b"", is_first=False)


def test_copy_by_a_controller_raises_nothing_and_its_owner_does() -> None:
    (privileged,) = [each for each in built_in_rules() if each.id == "privileged-container"]
    spec = {"containers": [{"image": "a", "securityContext": {"privileged": True}}]}
    owner = {"do": "create deployments shop/web", "spec": spec}
    copy = {
        "do": "create pods shop/web-1", "spec": spec,
        "request": {"metadata": {"ownerReferences": [{"controller": True}]}},
        "user": "system:serviceaccount:kube-system:replicaset-controller", "agent": "kube-controller-manager/v1.36.2",
    }
    assert [hit.event.resource for hit in fire(privileged, example(owner, copy))] == ["deployments"]


def test_stages_of_one_request_share_a_key_and_a_reused_audit_id_does_not() -> None:
    started = read(auditID="a", stage="ResponseStarted", requestReceivedTimestamp="2026-11-23T12:00:00.000000Z")
    complete = read(auditID="a", requestReceivedTimestamp="2026-11-23T12:00:00.000000Z")
    other = read(auditID="a", requestReceivedTimestamp="2026-11-23T12:00:01.000000Z")
    assert request_key(started) == request_key(complete) != request_key(other)


def test_required_values_are_those_that_every_match_has() -> None:
    for text, values in {
        "verb:get": {"get"}, "verb:(get or list) resource:pods": {"get", "list"}, "verb:get or resource:pods": None,
        "-verb:get": None, "(verb:get a) or (verb:list b)": {"get", "list"}, "verb:ge*": None,
    }.items():
        assert required(parse(text, NOON_US), "verb") == (None if values is None else frozenset(values)), text


def test_rules_of_a_folder_take_the_place_of_built_in_ones_and_are_read_again(tmp_path: Path) -> None:
    shelf = RuleShelf(str(tmp_path))
    count = len(shelf.rules())
    path = tmp_path / "own.toml"
    path.write_text(RULE.replace("a-rule", "secrets-dumped"))
    replaced = shelf.find("secrets-dumped")
    assert len(shelf.rules()) == count and replaced is not None and not replaced.is_built_in
    path.write_text(RULE.replace("verb:delete", "verb:("))
    assert shelf.find("secrets-dumped") is replaced and "own.toml:6" in shelf.trouble
    path.write_text(RULE)
    assert shelf.find("a-rule") is not None and shelf.trouble == "" and len(shelf.rules()) == count + 1


def test_command_tests_rules_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "own.toml"
    path.write_text(RULE)
    assert main(["rules", "test", str(path)]) == 0 and "1 rules, 2 examples, 0 failed" in capsys.readouterr().out
    path.write_text(RULE.replace('fire = ["delete', 'fire = ["get'))
    assert main(["rules", "test", str(path)]) == 1 and "nothing was found" in capsys.readouterr().out
    path.write_text(RULE.replace("high", "grave"))
    assert main(["rules", "test", str(path)]) == 1 and f"{path}:5" in capsys.readouterr().out
    monkeypatch.setenv("ENVIRONMENT", "development")
    assert main(["rules", "list", "secrets-dumped"]) == 0 and "secrets-dumped" in capsys.readouterr().out
    assert main(["rules", "list", "secrets-dumped", "--json"]) == 0 and '"severity":"high"' in capsys.readouterr().out
    assert main(["rules", "test", "nothing-such"]) == 1


def test_loader_takes_no_more_than_a_moment() -> None:
    start = time.perf_counter()
    built_in_rules()
    assert time.perf_counter() - start < 5


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="cannot be read"):
        read_file(tmp_path / "missing.toml")


DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"


def rules_table() -> str:
    """Write the table of rules that the document has to hold."""
    rows = [
        f"| `{each.id}` | {each.title}{'' if each.is_on else ' (off)'} | {each.severity} | {', '.join(each.attack)} |"
        for each in built_in_rules()
    ]
    return "\n".join(["| rule | fires when | severity | ATT&CK |", "|---|---|---|---|", *rows])


def test_document_lists_the_built_in_rules() -> None:
    text = DOCUMENT.read_text("utf-8")
    found = re.search(r"<!-- rules: .*? -->\n(.*?)<!-- /rules -->", text, re.DOTALL)
    assert found is not None and found[1].strip() == rules_table()


def test_rule_in_the_document_does_what_its_examples_say() -> None:
    found = re.search(r"```toml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert found is not None
    (written,) = read_text(found[1], "docs/alerts.md")
    assert list(failures(written)) == []
