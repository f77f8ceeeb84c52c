"""What the command verify says and how it ends, and the proof of an event that it checks without the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from audit_webhook.cli import main
from audit_webhook.errors import NoProof
from audit_webhook.events.ids import from_text
from audit_webhook.evidence.proof import Unproved, check_proof, make_proof
from audit_webhook.ingest.receive import receive
from tests.factories import NOON_US, audit_event, event_list
from tests.sealed_store import MINUTE, Evidence


@pytest.fixture
def command(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    """The store, for the command line."""
    monkeypatch.setattr("audit_webhook.command_line.load_settings", lambda: evidence.config)
    return evidence


def test_command_tells_that_all_is_sound(command: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    command.fill(2)
    key = ["--key", str(command.key_file)]
    assert main(["verify", *key]) == 0
    said = capsys.readouterr().out
    assert said.startswith("SOUND: all 14 events") and "no anchor" in said.lower().splitlines()[0]
    anchors = command.key_file.with_name("anchors")
    anchors.write_text("\n".join(f"line {token} more" for token in command.anchors))
    assert main(["verify", *key, "--anchors", str(anchors)]) == 0
    assert "erified against 1 anchors" in capsys.readouterr().out.splitlines()[0]
    assert main(["verify", *key, "--json", "--since", "2026-11-24"]) == 0
    report = orjson.loads(capsys.readouterr().out)
    assert (report["verdict"], report["events"], report["batches"], report["findings"]) == ("sound", 0, 2, [])


def test_command_names_what_was_changed(command: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    command.fill(2)
    command.change("DELETE FROM seals WHERE sequence = 1")
    assert main(["verify", "--key", str(command.key_file)]) == 1
    verdict, *lines = capsys.readouterr().out.splitlines()
    assert verdict.startswith("TAMPERED: 1 GAP, 1 UNSEALED.") and lines[0].startswith("GAP  stream ")
    assert main(["verify", "--json", "--key", str(command.key_file)]) == 1
    report = orjson.loads(capsys.readouterr().out)
    assert (report["verdict"], report["counts"]) == ("tampered", {"GAP": 1, "UNSEALED": 1})
    assert report["findings"][0]["kind"] == "GAP"


def test_command_that_cannot_tell_says_so(command: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    key = ["--key", str(command.key_file)]
    assert main(["verify", *key]) == 0
    receive(command.repository, "prod", event_list([audit_event()]), NOON_US)
    capsys.readouterr()
    assert main(["verify", *key]) == 2
    assert capsys.readouterr().out.startswith("NOT KNOWN")
    assert main(["verify", "--key", "/nowhere/key"]) == 2
    assert "/nowhere/key" in capsys.readouterr().err
    assert main(["verify", *key, "--anchors", "/nowhere/anchors"]) == 2
    assert main(["verify"]) == 2
    assert "--key" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["verify", "--since", "soon"])


def proof_of_some_event(evidence: Evidence, batch: int) -> dict[str, Any]:
    identifier = evidence.rows("SELECT e.id FROM events e JOIN chunks k ON k.id = e.chunk_id WHERE k.sequence = %s "
                               "ORDER BY e.id", batch)[4][0]
    raw = evidence.repository.find_event(identifier)
    assert raw is not None
    document: dict[str, Any] = orjson.loads(orjson.dumps(make_proof(evidence.repository, raw)))
    assert from_text(document["event"]["id"]) == identifier
    return document


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_proof_holds_without_the_database(
    command: Evidence, batch: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.fill(4)
    path = tmp_path / "proof.json"
    path.write_bytes(orjson.dumps(document := proof_of_some_event(command, batch)))
    command.repository.close()
    assert main(["verify", "--key", str(command.key_file), "--proof", str(path)]) == 0
    assert capsys.readouterr().out.startswith("proved: ")
    document["event"]["raw"] = document["event"]["raw"].replace("alice", "mallory")
    path.write_bytes(orjson.dumps(document))
    assert main(["verify", "--key", str(command.key_file), "--proof", str(path), "--json"]) == 1
    assert orjson.loads(capsys.readouterr().out)["proved"] is False


def test_proof_proves_nothing_once_any_part_of_it_is_changed(evidence: Evidence, tmp_path: Path) -> None:
    evidence.fill(3)
    document = proof_of_some_event(evidence, 2)
    made = check_proof(document, evidence.keys)
    assert abs(made - evidence.clock()) < MINUTE
    text = orjson.dumps({name: value for name, value in document.items() if name != "event"}).decode()
    for place in range(0, len(text), 7):
        changed = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1:]
        try:
            forged = orjson.loads(changed)
        except orjson.JSONDecodeError:
            continue
        with pytest.raises(Unproved):
            check_proof({"event": document["event"], **forged}, evidence.keys)
    for part in ("cluster", "received", "raw"):
        other = {**document, "event": {**document["event"], part: 5}}
        with pytest.raises(Unproved):
            check_proof(other, evidence.keys)
    with pytest.raises(Unproved, match="not trusted"):
        check_proof(document, Evidence(evidence.config, tmp_path / "other").keys)


def test_event_that_no_checkpoint_covers_has_no_proof_yet(evidence: Evidence) -> None:
    receive(evidence.repository, "prod", event_list([audit_event(number) for number in range(5)]), NOON_US)
    with pytest.raises(NoProof, match="no checkpoint"):
        proof_of_some_event(evidence, 1)
    evidence.sign()
    assert proof_of_some_event(evidence, 1)
    evidence.change("DELETE FROM seals")
    with pytest.raises(NoProof, match="no seal"):
        proof_of_some_event(evidence, 1)
