"""``audit-webhook explain`` reads what there is and prints commands; it needs no settings."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest

from audit_webhook.cli import main
from tests.factories import audit_event, encode, event_list

FIELDS = ["source", "command", "confidence", "summary", "evidence", "unknown", "stdin", "events"]
EVENTS = [audit_event(0), audit_event(60, verb="delete")]


def write(path: Path, body: bytes) -> str:
    path.write_bytes(body)
    return str(path)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    "body",
    [
        event_list(EVENTS),
        b"\n".join(map(encode, EVENTS)),
        gzip.compress(event_list(EVENTS)),
        b"\n".join(b'{"kind":"Event","apiVersion":"audit.k8s.io/v1",' + encode(event)[1:] for event in EVENTS),
    ],
    ids=["EventList", "NDJSON", "gzip", "log file"],
)
def test_file_of_any_form_is_explained(body: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = write(tmp_path / "events", body)
    assert main(["explain", "--json", name]) == 0
    found = lines(capsys)
    assert [list(card) for card in found] == [FIELDS, FIELDS]
    assert [card["command"] for card in found] == ["kubectl get pod web-0 -n shop", "kubectl delete pod web-0 -n shop"]
    assert [card["events"] for card in found] == [[event["auditID"]] for event in EVENTS]
    assert {card["source"] for card in found} == {name}


def test_each_file_is_explained_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [write(tmp_path / name, encode(audit_event())) for name in ("a", "b")]
    assert main(["explain", "--json", *names]) == 0
    assert [card["source"] for card in lines(capsys)] == names


def test_table_shows_confidence_command_and_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", write(tmp_path / "a", encode(audit_event()))]) == 0
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        "likely      kubectl get pod web-0 -n shop", "alice read pod web-0 in shop",
    ]


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(encode(audit_event()))))
    assert main(["explain", "--json", "-"]) == 0
    assert lines(capsys)[0]["source"] == "-"


def test_broken_piece_costs_only_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--json", write(tmp_path / "a", encode(audit_event()) + b"\nnonsense\n")]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 1 and "1 item is not an audit event" in shown.err


@pytest.mark.parametrize("body", [b"", b"nonsense", b"\x1f\x8bnonsense"])
def test_what_holds_no_events_is_said_and_could_not_be_done(
    body: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write(tmp_path / "a", body)
    assert main(["explain", name]) == 2
    assert name in capsys.readouterr().err


@pytest.mark.parametrize(("body", "code"), [(b"", 0), (b" \n", 0), (b"nonsense", 2), (b"\x1f\x8bnonsense", 2)])
def test_file_without_events_does_not_keep_the_others_from_being_explained(
    body: bytes, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = write(tmp_path / "a", encode(audit_event()))
    assert main(["explain", "--json", whole, write(tmp_path / "b", body), whole]) == code
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 2 and str(tmp_path / "b") in shown.err


def test_file_that_is_missing_does_not_keep_the_others_from_being_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "--json", str(tmp_path / "none"), write(tmp_path / "a", encode(audit_event()))]) == 2
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 1 and str(tmp_path / "none") in shown.err


def test_missing_file_could_not_be_explained(tmp_path: Path) -> None:
    assert main(["explain", str(tmp_path / "none")]) == 2


def test_control_characters_never_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = audit_event(user={"username": "a\x1b]0;x\x07"}, requestURI="/api/v1/x?labelSelector=%1b%5d0", verb="list",
                        objectRef={"resource": "pods"})
    assert main(["explain", write(tmp_path / "a", encode(event))]) == 0
    assert all(character.isprintable() or character == "\n" for character in capsys.readouterr().out)
