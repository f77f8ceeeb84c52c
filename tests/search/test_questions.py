"""Ten questions of people under pressure, each answered within three steps: docs/questions.md is done in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect

from audit_webhook.context import EXTENSION, context_of
from tests import story
from tests.browser import Watcher
from tests.conftest import Server, development

DOCUMENT: Final = (Path(__file__).resolve().parents[2] / "docs" / "questions.md").read_text("utf-8")
MOST_STEPS: Final = 3
# What is asked, and what a page must not tell: the answer to another question.
QUESTIONS: Final = {
    "Who deleted configmap app-config in staging last night?": "carol",
    "What changed in deployment web before 14:05?": "in payments",
    "Who used cluster-admin this week?": "kubernetes-admin",
    "Which secrets did this service account read?": "root-ca-key",
    "From where was alice's token used?": "deployment cart",
    "Who opened a shell or ran something in a pod?": "viewer may not",
    "What did the intruder from 203.0.113.66 do?": "may not",
    "Why was this denied?": "was allowed",
    "Who impersonated whom?": "mallory",
    "Which command made this object?": "horizontal pod autoscaler",
}


class Question(NamedTuple):
    """A question of the document: its steps, each a verb and what follows it, and the texts of its answer."""

    steps: tuple[tuple[str, str], ...]
    answer: tuple[str, ...]


def read_questions() -> dict[str, Question]:
    """Read the document."""
    found = {}
    for part in DOCUMENT.split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        steps = re.findall(r"^\d\. (\w+) (.+)$", text, re.MULTILINE)
        answer = re.findall(r"^> (.+?)(?:<br>)?$", text, re.MULTILINE)
        found[title] = Question(tuple(steps), tuple(line.removeprefix("\\") for line in answer))
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the story, at its time; nobody changes anything, so all questions share it."""
    running = Server(development(DB_PATH=str(tmp_path_factory.mktemp("story") / "audit.db")))
    running.app.extensions[EXTENSION] = replace(context_of(running.app), clock=lambda: story.NOW_US)
    story.load(context_of(running.app).repository)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def reader(browser: Browser) -> Iterator[Page]:
    """A page that all questions are asked on."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(10_000)
    page = context.new_page()
    watcher = Watcher(page)
    yield page
    context.close()
    assert watcher.complaints == []


def take_step(page: Page, verb: str, what: str) -> None:
    """Do one step as the document says it."""
    named = re.findall(r"`([^`]+)`|\*\*(.+?)\*\*", what)
    first, *others = [code or bold for code, bold in named]
    if verb == "Search":
        page.keyboard.press("/")
        page.keyboard.type(first)
        page.keyboard.press("Enter")
        page.wait_for_url("**q=**")
    elif verb == "Open":
        page.locator(".row", has_text=first).locator(".line a:not(.aside)").first.click()
        expect(page.locator("#panel .event-title")).to_contain_text(first)
    elif verb == "In":
        row = page.locator(".row", has_text=first).first
        row.hover()
        row.get_by_title(*others, exact=True).click()
        page.wait_for_url("**/prod/**")
    else:
        assert verb == "Choose"
        before = page.url
        page.get_by_role("link", name=first, exact=True).or_(page.get_by_title(first, exact=True)).first.click()
        page.wait_for_function("before => location.href !== before", arg=before)


@pytest.mark.parametrize("title", QUESTIONS)
def test_question_is_answered_within_three_steps(told: Server, reader: Page, title: str) -> None:
    question = read_questions()[title]
    assert 1 <= len(question.steps) <= MOST_STEPS and question.answer
    reader.goto(told.url)
    for verb, what in question.steps:
        take_step(reader, verb, what)
    place = reader.locator("#panel" if question.steps[-1][0] == "Open" else "main #rows, main:not(.feed)")
    for text in question.answer:
        expect(place).to_contain_text(text, use_inner_text=True)
    expect(place).not_to_contain_text(QUESTIONS[title], use_inner_text=True)


def test_document_has_these_ten_questions() -> None:
    assert list(read_questions()) == list(QUESTIONS)
    assert len(QUESTIONS) == 10
