"""Checkpoints: who signs when, that they can be carried anywhere, and that no second key is ever made."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from audit_webhook.config import Config
from audit_webhook.errors import ConfigError, KeyUnusable
from audit_webhook.evidence import checkpoints
from audit_webhook.evidence.checkpointer import Checkpointer
from audit_webhook.evidence.checkpoints import Checkpoint, Resumed, find_tokens
from audit_webhook.evidence.publisher import anchor
from audit_webhook.evidence.self_check import SelfCheck
from audit_webhook.evidence.signer import Signer
from audit_webhook.ingest.receive import receive
from audit_webhook.operate.metrics import Metrics
from audit_webhook.storage.chunks.hash_chain import Head
from audit_webhook.storage.keys import make_or_read_keys, parse_keys, public_pem, read_keys
from tests.factories import NOON_US, audit_event, event_list
from tests.sealed_store import MINUTE, Evidence
from tests.serving import samples

MADE = "audit_webhook_last_checkpoint_timestamp_seconds"
EXAMPLE = Checkpoint(
    7, NOON_US, b"p" * 32, b"k" * 32, (Head(b"stream 1", 5, b"l" * 32),), 1_000, (86_400_000,),
    (Head(b"stream 1", 6, b"n" * 32),),
    (Head(b"stream 2", 9, b"m" * 32),), Resumed(6, b"d" * 32, 3, "a restored backup"),
)


@pytest.fixture
def evidence(engine: Config, tmp_path: Path) -> Iterator[Evidence]:
    """An empty store with a witness, on each engine."""
    made = Evidence(engine, tmp_path / "evidence.key")
    yield made
    made.repository.close()


def checkpointer(evidence: Evidence) -> tuple[Checkpointer, Metrics]:
    metrics = Metrics()
    return Checkpointer(evidence.signer, SelfCheck(evidence.store, str(evidence.key_file)), metrics), metrics


def store(evidence: Evidence) -> None:
    receive(evidence.repository, "prod", event_list([audit_event()]), NOON_US)


def signed(evidence: Evidence) -> list[Checkpoint]:
    return [checkpoints.read(each.body) for each in evidence.signed()]


def test_checkpoint_that_was_signed_reads_the_same_and_no_other_key_has_signed_it(tmp_path: Path) -> None:
    keys, others = make_or_read_keys(tmp_path / "one"), make_or_read_keys(tmp_path / "two")
    example = EXAMPLE._replace(key=keys.public)
    made = checkpoints.sign(example, keys)
    assert checkpoints.read(made.body) == example
    assert checkpoints.is_signed(made, keys.public, keys)
    assert not checkpoints.is_signed(made, keys.public, others)
    assert not checkpoints.is_signed(made._replace(body=made.body.replace(b"7", b"8", 1)), keys.public, keys)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"number": "x"}', b"\xff", b"null"])
def test_bytes_that_are_no_checkpoint_are_refused(body: bytes) -> None:
    with pytest.raises(checkpoints.BadCheckpoint):
        checkpoints.read(body)


def test_checkpoint_is_found_in_any_log_line(tmp_path: Path) -> None:
    made = checkpoints.sign(EXAMPLE, make_or_read_keys(tmp_path / "key"))
    log = f'{{"checkpoint":"{made.token}"}}\n12:00 INFO checkpoint={made.token} more\naudit-checkpoint.a.b'
    assert list(find_tokens(log)) == [made, made]


def test_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path, found = tmp_path / "evidence.key", []
    threads = [threading.Thread(target=lambda: found.append(make_or_read_keys(path).public)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and len(found) == 8
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["evidence.key"]


def test_last_private_key_signs_and_those_before_it_stay_trusted(tmp_path: Path) -> None:
    old, new, other = (make_or_read_keys(tmp_path / name) for name in ("old", "new", "other"))
    text = b"".join((tmp_path / name).read_bytes() for name in ("old", "new")) + public_pem(other.public).encode()
    both = parse_keys(text)
    assert both.public == new.public
    assert set(both.trusted) == {old.public, new.public, other.public}


def test_key_that_openssl_made_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True, capture_output=True)
    assert len(make_or_read_keys(path).sign(b"text")) == 64


@pytest.mark.parametrize("text", [
    "", "secret", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\nc2VjcmV0\n-----END PUBLIC KEY-----\n",
])
def test_file_that_holds_no_key_is_refused_without_quoting_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "evidence.key"
    path.write_text(text)
    with pytest.raises(KeyUnusable) as caught:
        read_keys(path)
    assert "secret" not in str(caught.value) and "c2VjcmV0" not in str(caught.value)


def test_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "x25519", "-out", path], check=True, capture_output=True)
    with pytest.raises(KeyUnusable, match="Ed25519"):
        read_keys(path)


def test_key_that_cannot_be_made_or_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="cannot be made"):
        make_or_read_keys(tmp_path / "missing" / "evidence.key")
    with pytest.raises(KeyUnusable, match="cannot be read"):
        read_keys(tmp_path / "missing")


def test_checkpoint_is_made_a_minute_after_the_last_when_something_was_stored(evidence: Evidence) -> None:
    assert evidence.signer.sign_when_due() and not evidence.signer.sign_when_due()
    store(evidence)
    evidence.ahead += MINUTE // 2
    assert not evidence.signer.sign_when_due()
    evidence.ahead += MINUTE
    assert evidence.signer.sign_when_due()
    evidence.ahead += 2 * MINUTE
    assert not evidence.signer.sign_when_due()
    evidence.ahead += 60 * MINUTE
    assert evidence.signer.sign_when_due()
    made = signed(evidence)
    assert [checkpoint.number for checkpoint in made] == [1, 2, 3]
    assert [[head.sequence for head in checkpoint.heads] for checkpoint in made] == [[], [1], []]
    for before, after in zip(evidence.signed(), made[1:]):
        assert after.previous == before.digest


def test_last_checkpoint_does_not_wait_for_the_minute(evidence: Evidence) -> None:
    evidence.signer.sign_when_due()
    assert not evidence.signer.sign_when_due(is_last=True)
    store(evidence)
    assert evidence.signer.sign_when_due(is_last=True)


def test_of_two_witnesses_one_signs_and_the_other_sees_it(evidence: Evidence, tmp_path: Path) -> None:
    other = Evidence(evidence.config, tmp_path / "evidence.key")
    assert evidence.signer.sign_when_due()
    store(evidence)
    store(other)
    for each in (evidence, other):
        each.ahead += 2 * MINUTE
    assert [each.signer.sign_when_due() for each in (other, evidence)] == [True, False]
    assert len(signed(other)[0].heads) == 2
    assert evidence.found() == []
    other.repository.close()


def test_of_witnesses_that_stop_at_once_none_signs_what_another_has(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [Evidence(evidence.config, evidence.key_file) for _ in range(2)]
    for each in (evidence, *others):
        store(each)
        assert each.signer.sign_when_due(is_last=True)
    for each in (evidence, *others):
        store(each)
    insert = evidence.store.insert_checkpoint

    def lose_against_others(*row: Any) -> None:
        first, second = others
        assert first.signer.sign_when_due(is_last=True) and not second.signer.sign_when_due(is_last=True)
        store(second)
        assert second.signer.sign_when_due(is_last=True)
        insert(*row)

    monkeypatch.setattr(evidence.store, "insert_checkpoint", lose_against_others)
    assert not evidence.signer.sign_when_due(is_last=True)
    assert [len(checkpoint.heads) for each in others for checkpoint in signed(each)[1:]] == [3, 1]
    assert evidence.verify().unsigned == 0 and evidence.found() == []
    for each in others:
        each.repository.close()


def test_key_is_not_made_where_it_may_not_be(evidence: Evidence, tmp_path: Path) -> None:
    signer = Signer(evidence.store, str(tmp_path / "none.key"), evidence.clock, may_make_key=False)
    with pytest.raises(KeyUnusable):
        signer.sign_when_due()
    assert not (tmp_path / "none.key").exists()


def test_thread_signs_while_it_runs_and_when_it_stops(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit_webhook.evidence.checkpointer.LOOK_SECONDS", 0.01)
    thread, metrics = checkpointer(evidence)
    thread.start()
    deadline = threading.Event()
    for _ in range(500):
        if evidence.anchors or deadline.wait(0.02):
            break
    store(evidence)
    thread.stop()
    assert [len(checkpoint.heads) for checkpoint in signed(evidence)] == [0, 1]
    assert samples(metrics.expose("")[0])[MADE] == signed(evidence)[1].made / 1e6


def test_what_keeps_from_signing_is_said_once(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("audit_webhook.evidence.checkpointer.LOOK_SECONDS", 0.01)
    evidence.key_file.write_text("broken")
    thread, metrics = checkpointer(evidence)
    with caplog.at_level(logging.ERROR):
        thread.start()
        for _ in range(500):
            if caplog.records:
                break
            threading.Event().wait(0.02)
        thread.stop()
    assert len(caplog.records) == 1 and "evidence.key" in caplog.text
    assert samples(metrics.expose("")[0])[MADE] == 0


def test_checkpoints_are_appended_to_a_file(tmp_path: Path) -> None:
    made = checkpoints.sign(EXAMPLE, make_or_read_keys(tmp_path / "key"))
    path = tmp_path / "anchors"
    for _ in range(2):
        anchor(str(path), made.token)
    assert list(find_tokens(path.read_text())) == [made, made]


def test_checkpoints_are_posted_to_an_address(tmp_path: Path) -> None:
    made = checkpoints.sign(EXAMPLE, make_or_read_keys(tmp_path / "key"))
    taken: list[str] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Taker) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        anchor(f"http://127.0.0.1:{server.server_port}/", made.token)
        thread.join(10)
    assert list(find_tokens(taken[0])) == [made]


@pytest.mark.parametrize("target", ["/nowhere/anchors", "http://127.0.0.1:1/", "http://[/"])
def test_anchor_that_fails_is_said_and_stops_nothing(target: str, caplog: pytest.LogCaptureFixture) -> None:
    anchor(target, "token")
    assert "EVIDENCE_ANCHORS" in caplog.text


def test_anchors_that_are_neither_file_nor_address_are_a_mistake() -> None:
    with pytest.raises(ConfigError, match="EVIDENCE_ANCHORS"):
        Config.from_env({"ENVIRONMENT": "development", "EVIDENCE_ANCHORS": "ftp://example.org/"})
