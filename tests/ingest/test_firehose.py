"""The door for Amazon Data Firehose keeps what it acknowledges, and answers as its protocol wants."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.ingest.firehose import RecordText
from audit_webhook.ingest.receive import receive
from tests.conftest import Server
from tests.factories import NOON_US, event_list
from tests.serving import TOKEN
from tests.wraps import PREFIX, recorded

ID: Final = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f"
CONTROL: Final = json.dumps({"messageType": "CONTROL_MESSAGE", "logEvents": [{"id": "", "message": "checking"}]})


def subscription(raws: list[bytes]) -> str:
    """Return a document of a CloudWatch subscription that holds lines of a kube-apiserver's log."""
    events = [{"id": str(number), "timestamp": 1, "message": raw.decode()} for number, raw in enumerate(raws)]
    return json.dumps({"messageType": "DATA_MESSAGE", "logGroup": "/aws/eks/prod/cluster", "logEvents": events})


def record(text: str) -> dict[str, str]:
    return {"data": base64.b64encode(gzip.compress(text.encode())).decode()}


def request_of(records: list[Any]) -> bytes:
    return json.dumps({"requestId": ID, "timestamp": 1_700_000_000_000, "records": records}).encode()


def post(client: FlaskClient, body: bytes, cluster: str = "prod", **headers: str) -> Any:
    return client.post(f"/webhook/firehose/{cluster}", data=body, headers={
        "X-Amz-Firehose-Request-Id": ID, "X-Amz-Firehose-Protocol-Version": "1.0", **headers})


def test_events_of_the_webhook_are_known_again_in_records_of_firehose(app: Flask, client: FlaskClient) -> None:
    raws = recorded(30)
    repository = context_of(app).repository
    receive(repository, "prod", event_list([b"{" + raw.removeprefix(PREFIX) for raw in raws[:10]]), NOON_US)
    body = request_of([record(CONTROL), record(subscription(raws[:20]) + subscription(raws[20:]))])
    for _ in range(2):
        answer = post(client, body)
        assert answer.status_code == 200 and answer.json["requestId"] == ID and "errorMessage" not in answer.json
        assert isinstance(answer.json["timestamp"], int)
    counts = client.get("/api/v1/events?q=cluster:prod&limit=100").json
    assert len(counts["events"]) == 30
    with repository.database.read() as cursor:
        cursor.execute("SELECT COUNT(*) FROM quarantine")
        assert cursor.fetchone()[0] == 0


@pytest.mark.parametrize("bad", [
    {"data": "not base64 !"}, {"data": base64.b64encode(b"\x1f\x8b damaged").decode()}, {"other": 1}, 7, None,
    {"data": base64.b64encode(gzip.compress(b" " * 64 * 1024**2)).decode()},
])
def test_record_that_cannot_be_read_costs_no_other_one(sqlite_client: FlaskClient, bad: Any) -> None:
    raws = recorded(4)
    answer = post(sqlite_client, request_of([record(subscription(raws[:2])), bad, record(subscription(raws[2:]))]))
    assert answer.status_code == 200
    assert len(sqlite_client.get("/api/v1/events?q=cluster:prod").json["events"]) == 4


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"records":1}', b'{"requestId":"a"}'])
def test_request_that_is_none_of_firehose_is_told_so(sqlite_client: FlaskClient, body: bytes) -> None:
    answer = post(sqlite_client, body)
    assert answer.status_code == 400 and answer.json["errorMessage"] and answer.json["requestId"] == ID


def test_request_without_events_is_acknowledged(sqlite_client: FlaskClient) -> None:
    for records in ([], [record(CONTROL)]):
        assert post(sqlite_client, request_of(records)).status_code == 200
    assert sqlite_client.get("/api/v1/events?q=cluster:prod").json["events"] == []


def test_request_id_that_is_no_id_is_not_repeated(sqlite_client: FlaskClient) -> None:
    body = json.dumps({"requestId": "x\n" * 1000, "records": []}).encode()
    answer = sqlite_client.post("/webhook/firehose/prod", data=body)
    assert answer.status_code == 200 and answer.json["requestId"] == ""


def test_text_of_records_is_read_in_pieces_of_any_size() -> None:
    records = [record("a" * 1000), {"data": base64.b64encode(b"plain").decode()}, record("b" * 10)]
    whole = b"a" * 1000 + b"\nplain\n" + b"b" * 10 + b"\n"
    for size in (1, 7, 1000, 5000):
        text, read = RecordText(records), b""
        while piece := text.read(size):
            read += piece
        assert read == whole


def test_access_key_is_the_cluster_s_token(sqlite_config: Config) -> None:
    raws = recorded(4)
    body = request_of([record(subscription(raws)), {"data": base64.b64encode(b"x" * 3_000_000).decode()}])
    server = Server(replace(sqlite_config, webhook_token=TOKEN))
    try:
        for key, status in (("", 401), ("wrong", 401), (TOKEN, 200)):
            headers = {"X-Amz-Firehose-Request-Id": ID, **({"X-Amz-Firehose-Access-Key": key} if key else {})}
            asked = Request(f"{server.url}/webhook/firehose/prod", data=body, headers=headers)
            try:
                with urlopen(asked, timeout=20) as answer:
                    assert (answer.status, json.load(answer)["requestId"]) == (status, ID)
            except HTTPError as error:
                assert error.code == status
    finally:
        server.stop()
