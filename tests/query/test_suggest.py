"""What people paste or write without fields, and the query that is offered for it."""

from __future__ import annotations

import pytest

from audit_webhook.query import parse
from audit_webhook.query.suggest import find_by_id, suggest
from tests.factories import NOON_US

OFFERS = {
    "403": "code:403",
    "4xx": "code:4xx",
    "deleted secret": "verb:(delete or deletecollection) resource:secrets",
    "delete secret": "verb:delete resource:secrets",
    "denied": "code:403",
    "shop/web": "ns:shop name:web",
    "deploy/web": "resource:deployments name:web",
    "10.20.4.17": "ip:10.20.4.17",
    "alice deleted pods": "alice verb:(delete or deletecollection) resource:pods",
    "nginx:1.30": "body:nginx:1.30",
    "user:operators/myoperator": "user:system:serviceaccount:operators:myoperator",
    "system:serviceaccount:shop:ci": "user:system:serviceaccount:shop:ci",
    "ns:shop ba89b203-1537-4820-a35f-b939d19e3df9": "ns:shop audit:ba89b203-1537-4820-a35f-b939d19e3df9",
    "-secrets since:1h": "-resource:secrets since:1h",
    "https://x.example/y": "body:https://x.example/y",
    "exec since:1h": "resource:pods/exec since:1h",
}


@pytest.mark.parametrize("text", OFFERS)
def test_words_without_fields_are_offered_as_terms(text: str) -> None:
    offered = suggest(text)
    assert offered is not None
    assert offered == OFFERS[text]
    parse(offered, NOON_US)


@pytest.mark.parametrize("text", [
    "", "alice", "user:alice verb:delete", "ns:(shop or bank) code:>=400", '"deleted secret"', "web-0", "(",
    '"never closed', "request.spec.type:NodePort", "denied:true",
    "user:", "user:(", "user:a/b/c", "user:alice@example.com", "nothing:", "a or b",
])
def test_what_has_a_meaning_already_or_none_is_left_alone(text: str) -> None:
    assert suggest(text) is None


def test_id_that_is_all_of_the_text_is_found_whatever_its_case() -> None:
    assert find_by_id(" BA89B203-1537-4820-A35F-B939D19E3DF9 ") == "audit:ba89b203-1537-4820-a35f-b939d19e3df9"
    assert find_by_id("01m86hn0dk2mjcsf556hh97j2d") == "id:01M86HN0DK2MJCSF556HH97J2D"
    for text in ("", "alice", "0" * 27, "abcdefghijklmnopqrstuvwxyz", "ba89b203-1537"):
        assert find_by_id(text) is None
