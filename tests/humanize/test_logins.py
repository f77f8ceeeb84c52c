"""Logins at OpenShift's oauth-server read as what they are; a name that somebody typed is never told as who acted."""

from __future__ import annotations

from typing import Any

import pytest

from audit_webhook.humanize import summary
from tests.recorded import read

ANONYMOUS = {"username": "system:anonymous", "groups": ["system:unauthenticated"]}


def login(decision: str, name: str = "", code: int = 302, **changes: Any) -> str:
    annotations = {"authentication.openshift.io/decision": decision, "authorization.k8s.io/decision": "allow"}
    named = {"authentication.openshift.io/username": name} if name else {}
    return summary(read(**{
        "verb": "post", "user": ANONYMOUS, "objectRef": None, "requestURI": "/login/kube:admin?then=%2Foauth",
        "responseStatus": {"code": code}, "annotations": {**annotations, **named}, **changes,
    }))


@pytest.mark.parametrize(("decision", "name", "sentence"), [
    ("allow", "kubeadmin", "kubeadmin logged in"),
    ("deny", "kubeadmin", "an anonymous caller tried to log in as kubeadmin: denied"),
    ("deny", "", "an anonymous caller tried to log in: denied"),
    ("error", "bob", "an anonymous caller tried to log in as bob: the login failed with an error"),
    ("deny", "the scheduler", "an anonymous caller tried to log in as “the scheduler”: denied"),
])
def test_login_is_told_by_its_decision(decision: str, name: str, sentence: str) -> None:
    assert login(decision, name) == sentence


def test_what_is_no_login_is_told_as_any_request() -> None:
    for decision, name in (("allow", ""), ("perhaps", "kubeadmin")):
        assert "log in" not in login(decision, name) and "logged in" not in login(decision, name)
    target = {"resource": "pods", "namespace": "shop", "name": "web-0"}
    assert "logged in" not in login("allow", "kubeadmin", objectRef=target)


def test_hostile_name_of_a_login_is_shown_and_bounded() -> None:
    text = login("deny", "\u202ea\n\x1b[2J" + "b" * 100_000)
    assert len(text) < 300 and "\n" not in text and "\x1b" not in text and "\u202e" not in text
