"""Whatever stands in an event, it is explained without a failure: recorded events with anything in any place."""

from __future__ import annotations

import copy
import shlex
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_webhook.events.lenient_json import Undecodable
from audit_webhook.kubectl import Card, cards_of, read_request, request_of, sentence_of
from tests.factories import encode
from tests.kubectl.test_kubectl import CASES
from tests.recorded import BATCHES, DATA, recorded

EXAMPLES: Final = 500
JUNK: Final = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.just([]), st.just({}), st.just([None]),
    st.just({"name": []}), st.just([[]]), st.just("-x"), st.just("a/b"), st.just("%"), st.just("\u202e"),
    st.lists(st.one_of(st.integers(), st.text(max_size=3)), max_size=3),
    st.dictionaries(st.text(max_size=4), st.one_of(st.integers(), st.text(max_size=3)), max_size=3),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the path of every value inside of a value."""
    if isinstance(value, dict):
        return [path, *(place for key, each in value.items() for place in places(each, (*path, key)))]
    if isinstance(value, list):
        return [path, *(place for number, each in enumerate(value[:6]) for place in places(each, (*path, number)))]
    return [path]


def put(value: Any, path: tuple[Any, ...], junk: object) -> None:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = copy.deepcopy(junk)  # or a list could come to hold itself


@st.composite
def mutated(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Give the events of a recorded run in which some values are replaced."""
    events = copy.deepcopy(draw(st.sampled_from(CASES))["events"])[:12]
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from([place for place in places(events) if place]))
        put(events, path, draw(JUNK))
        events = [event for event in events if isinstance(event, dict)] or [{}]
    return events


def check(card: Card) -> None:
    assert card.command is None or shlex.split(card.command)[0] == "kubectl"
    assert isinstance(card.stdin, str) and sentence_of(card).isprintable()
    (card.command or "").encode()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_mutated_events_are_explained(events: list[dict[str, Any]]) -> None:
    requests = []
    for event in events:
        try:
            requests.append(read_request(encode(event), "prod"))
        except (Undecodable, UnicodeEncodeError):
            continue
    for card in cards_of(requests):
        check(card)


def test_every_recorded_event_has_a_command_or_none_by_itself() -> None:
    for path in [*BATCHES, DATA / "hostile.json.gz"]:
        for event in recorded(path):
            (card,) = cards_of([request_of(event)])
            assert card.command is None or shlex.split(card.command)[0] == "kubectl"
