"""Names what is no audit event, so that nobody has to guess why it was left out."""

from __future__ import annotations

import re
from typing import Any, Final

CONTROL_MESSAGE: Final = "a control message of CloudWatch"
_KLOG: Final = re.compile(rb"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6}\s")
_AUDITD: Final = re.compile(rb"(?:node=\S{1,256} )?type=[A-Z_]{2,32} msg=audit\(")
_LEGACY: Final = re.compile(rb"\S{10,40} AUDIT: id=")


def name_object(document: dict[str, Any]) -> str:
    """Return what a JSON object is that holds no audit event; empty when it is not known."""
    kind, version = document.get("kind"), document.get("apiVersion")
    if "requestTimestamp" in document and "remoteAddr" in document:
        return "a line of Rancher's API audit log"
    if document.get("messageType") == "CONTROL_MESSAGE":
        return CONTROL_MESSAGE
    if "caller" in document and "msg" in document:
        return "a log line of etcd or of another Go program (zap)"
    if "msg" in document and "level" in document:
        return "a log line of a program"
    if kind == "Policy" and isinstance(version, str) and version.startswith("audit.k8s.io/"):
        return "an audit policy"
    if isinstance(kind, str) and isinstance(version, str) and not kind.endswith("List"):
        return "an object of Kubernetes, not an audit event"
    if isinstance(document.get("metadata"), dict) and ("spec" in document or "status" in document):
        return "an object of Kubernetes, not an audit event"
    category = document.get("category")
    return f"a log record of the category {category[:64]}" if isinstance(category, str) else ""


def name_line(line: bytes) -> str:
    """Return what a line of text is; empty when it is not known."""
    if _KLOG.match(line):
        return "a log line of a Kubernetes component (klog)"
    if _AUDITD.match(line):
        return "a record of Linux's auditd"
    return "a line of the kube-apiserver's legacy audit log" if _LEGACY.match(line) else ""
