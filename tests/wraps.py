"""Audit events wrapped as runtimes, collectors and clouds do it: each form by its shape."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Final

from audit_webhook.events.sources.unwrap import unwrap_text
from audit_webhook.events.sources.unwrapped import Found
from audit_webhook.events.split import split
from tests.recorded import BATCHES

PREFIX: Final = b'{"kind":"Event","apiVersion":"audit.k8s.io/v1",'
Wrap = Callable[[str], str]


def recorded(count: int = 40) -> list[bytes]:
    """Return recorded events as a kube-apiserver writes them into its log."""
    raws = [raw for path in BATCHES[:3] for raw in split(gzip.decompress(path.read_bytes())).items]
    return [PREFIX + raw[1:] for raw in raws[:count]]


def firehose(text: str) -> str:
    """Return a document as a subscription of CloudWatch Logs sends it."""
    document = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/aws/eks/prod/cluster",
                "logStream": "kube-apiserver-audit-1", "logEvents": [{"id": "1", "timestamp": 1, "message": text}]}
    return json.dumps(document)


def packed(text: str) -> str:
    """Return a text in gzip and base64."""
    return base64.b64encode(gzip.compress(text.encode())).decode()


WRAPS: Final[dict[str, Wrap]] = {
    "plain": lambda text: text,
    "CRI": lambda text: f"2026-11-20T10:00:00.123456789Z stdout F {text}",
    "docker": lambda text: json.dumps({"log": text + "\n", "stream": "stdout", "time": "2026-11-20T10:00:00Z"}),
    "journald": lambda text: f"2026-11-20T10:00:00+0000 master-0 kube-apiserver[123]: {text}",
    "journald JSON": lambda text: json.dumps({"__CURSOR": "s=1", "_HOSTNAME": "master-0", "MESSAGE": text}),
    "syslog 3164": lambda text: f"<133>Oct 21 10:15:03 master-0 k8s-audit: {text}",
    "syslog 5424": lambda text: f"<14>1 2026-11-20T10:00:00.1Z master-0 kube-apiserver 12 audit - {text}",
    "syslog 5424 with data": lambda text: f'<14>1 2026-11-20T10:00:00Z host app 12 ID [a@1 b="c"] {text}',
    "oc adm node-logs": lambda text: f"ip-10-0-140-97.ec2.internal {text}",
    "aws logs tail": lambda text: f"2023-05-20T05:26:57.511000+00:00 kube-apiserver-audit-0a1b {text}",
    "logcli": lambda text: json.dumps({"labels": {"job": "audit"}, "line": text, "timestamp": "2026-11-20T10:00:00Z"}),
    "Loki": lambda text: json.dumps({"stream": {"job": "audit"}, "values": [["1700000000000000000", text]]}),
    "Fluent Bit": lambda text: json.dumps({"log": text, "kubernetes": {"pod_name": "kube-apiserver"}, "time": "x"}),
    "Fluent Bit array": lambda text: json.dumps([{"date": 1.0, "log": text}]),
    "Splunk": lambda text: json.dumps({"preview": False, "result": {"_raw": text, "_time": "1"}}),
    "Elasticsearch": lambda text: json.dumps({"_index": "audit", "_source": {"message": text, "@timestamp": "x"}}),
    "event.original": lambda text: json.dumps({"_source": {"event": {"original": text}}}),
    "EKS filter-log-events": lambda text: json.dumps({"events": [{"logStreamName": "a", "message": text}]}),
    "EKS NDJSON": lambda text: json.dumps({"message": text, "timestamp": 1}),
    "EKS Insights": lambda text: json.dumps({"results": [[{"field": "@message", "value": text}]]}),
    "EKS subscription": firehose,
    "EKS subscriptions in a row": lambda text: '{"messageType":"CONTROL_MESSAGE","logEvents":[]}' + firehose(text),
    "Lambda": lambda text: json.dumps({
        "awslogs": {"data": packed(firehose(text))},
    }),
    "AKS": lambda text: json.dumps({"category": "kube-audit", "properties": {"log": text + "\n", "pod": "x"}}),
    "AKS records": lambda text: "\ufeff" + json.dumps({"records": [{"category": "kube-audit-admin",
                                                                   "properties": {"log": text}}]}),
    "journald bytes": lambda text: json.dumps({"_HOSTNAME": "cp", "MESSAGE": list(text.encode())}),
    "syslog 3164 with an RFC 3339 time": lambda text: f"<133>2026-11-20T10:00:00.1+01:00 cp k8s-audit: {text}",
    "syslog 3164 with a year": lambda text: f"<133>Nov 20 2026 10:15:03 cp k8s-audit: {text}",
    "syslog 5424 with braces": lambda text: f'<14>1 2026-11-20T10:00:00Z cp app - - [a@1 b="c {{d}}"] {text}',
    "syslog 5424 with its length": lambda text: f"{len(text)} <14>1 2026-11-20T10:00:00Z cp app 1 - - {text}",
    "syslog with @cee": lambda text: f"<14>Nov 20 10:00:00 cp audit: @cee: {text}",
    "logcli with labels": lambda text: f'2026-11-20T10:00:00Z {{job="audit", node="a b"}} {text}',
    "Loki push": lambda text: json.dumps({"streams": [{"stream": {}, "values": [["17", text, {"trace": "1"}]]}]}),
    "Filebeat": lambda text: json.dumps({"@metadata": {}, "log": {"file": {"path": "/a"}}, "message": text}),
    "GELF": lambda text: json.dumps({"version": "1.1", "host": "h", "short_message": text, "level": 6}),
    "OTLP": lambda text: json.dumps(
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1", "body": {"stringValue": text}}]}]}]}
    ),
    "Splunk HEC": lambda text: json.dumps({"time": 1.5, "sourcetype": "kube:audit", "event": text}),
    "Splunk CSV": lambda text: '"{}","2026-11-20","host"'.format(text.replace('"', '""')),
    "Kinesis": lambda text: json.dumps({"Records": [{"kinesis": {"data": packed(firehose(text))}}]}),
    "Data Firehose": lambda text: json.dumps({"requestId": "r", "records": [{"data": packed(firehose(text))}]}),
    "AzureDiagnostics": lambda text: json.dumps([{"Category": "kube-audit", "log_s": text, "stream_s": "stdout"}]),
    "Azure Monitor query": lambda text: json.dumps({"tables": [{
        "name": "PrimaryResult", "columns": [{"name": "Category"}, {"name": "log_s"}], "rows": [["kube-audit", text]],
    }]}),
    "another member": lambda text: json.dumps({"when": "x", "payload_of_ours": {"text": [text]}}),
    "kubectl logs --prefix": lambda text: f"[pod/kube-apiserver-cp/kube-apiserver] {text}",
    "stern": lambda text: f"kube-apiserver-cp kube-apiserver {text}",
    "grep": lambda text: f"logs/audit.log.1:12:{text}",
    "cat -n": lambda text: f"     1\t{text}",
    "string of JSON": json.dumps,
    "OVH": lambda text: f"app-1>> {json.dumps({'message': text})}",
}


def found_in(text: bytes) -> list[Found]:
    """Return everything that is found in a text of several lines."""
    return list(unwrap_text(text))
