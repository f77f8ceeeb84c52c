"""The feed as its page shows it: rows, pickers, what is wrong with the query, and what to say when nothing is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from audit_webhook.events.visible_text import shown
from audit_webhook.humanize.moments import Moment, moment_of
from audit_webhook.query import QueryError, parse, time_bounds
from audit_webhook.query.edit import quote, term_value, with_term
from audit_webhook.query.suggest import suggest
from audit_webhook.search import cards, feed
from audit_webhook.search.alert_marks import with_alerts
from audit_webhook.search.card_rows import row_of_card
from audit_webhook.search.completeness import find_shortfall
from audit_webhook.search.event_rows import Row, row_of
from audit_webhook.search.saved import DEFAULT_COLUMNS
from audit_webhook.search.time_range import RANGES, pinned, timeless
from audit_webhook.storage.repository import Repository

SHOWN: Final = (("commands", "Commands"), ("requests", "Requests"), ("events", "Events"))
KINDS: Final = (("", "Everything"), ("human", "People"), ("system", "System"))
PAGES_AROUND: Final = 5
"""How many further pages are read at once for the event that a search was begun around."""
AnyPage = feed.FeedPage | cards.CardPage
LOOSENED: Final = ("since", "until", "cluster", "kind", "ns", "user", "verb", "resource", "name", "code")


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to change the query: the query that choosing it gives, whether it holds already, its value."""

    label: str
    query: str
    is_current: bool
    value: str = ""


@dataclass(frozen=True, slots=True)
class Picker:
    """A term of the query that is chosen from a list."""

    label: str
    choices: tuple[Choice, ...]


class View(NamedTuple):
    """How rows are shown: what a row is (one of `SHOWN`), and the columns of further facts."""

    show: str = SHOWN[0][0]
    columns: Sequence[str] = DEFAULT_COLUMNS


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with the query: the text before the place, at it and after it, and what was expected there."""

    message: str
    before: str
    at: str
    after: str
    expected: str

    @property
    def pointer(self) -> str:
        """A line of spaces and carets that stands under the place."""
        return " " * len(self.before) + "^" * max(1, len(self.at))


@dataclass(frozen=True, slots=True)
class Hint:
    """What may help when nothing matches, with the query to try if there is one."""

    label: str
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far back a search came before its time ran out, and the share of its time range in percent."""

    moment: Moment
    percent: int


class Reach(NamedTuple):
    """From when (itself in) to when (itself not) a query finds anything; None is as far as there is."""

    since: Moment | None = None
    until: Moment | None = None


@dataclass(frozen=True, slots=True)
class FeedView:
    """Everything that the feed's templates use."""

    query: str
    cursor: str
    rows: tuple[Row, ...] = ()
    next: str | None = None
    live: str = ""
    progress: Progress | None = None
    reach: Reach = Reach()
    mistake: Mistake | None = None
    clusters: Picker = Picker("", ())
    ranges: Picker = Picker("", ())
    kinds: Picker = Picker("", ())
    hints: tuple[Hint, ...] = ()
    shortfall: str = ""
    cluster: str = ""
    since: int | None = None
    is_unfiltered: bool = False
    suggestion: str = ""
    """What the query's bare words may mean in the language; empty when it has none, or they mean nothing else."""
    pinned: str = ""
    """The query with the times that it means now, for somebody who opens it later."""
    is_store_empty: bool = False
    can_load_demo: bool = False
    around: str = ""
    """The event that is marked among the rows; empty when none is or when it is not among the first pages."""

    @property
    def has_picture(self) -> bool:
        """Whether bars and facets are shown beside the events."""
        return not self.mistake and not self.is_store_empty

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing at all to show, now and on older pages."""
        return not self.rows and not self.next and not self.mistake


@dataclass(frozen=True, slots=True)
class NewsView:
    """What arrived since the last question of a live page, and rows that may have changed with it."""

    rows: tuple[Row, ...]
    live: str
    more: int
    others: tuple[Row, ...] = ()


def view_page(
    repository: Repository, text: str, cursor: str, now: int, can_load_demo: bool = False, view: View = View(),
    around: str = "",
) -> FeedView:
    """Show a page of the feed, or as many as reach the event ``around``; a mistake in the query is shown too."""
    names = feed.clusters(repository)
    frame = FeedView(
        text,
        cursor,
        clusters=pick(text, "cluster", [("", "All clusters"), *((name, name) for name in names)]),
        ranges=replace(pick(timeless(text, "until"), "since", RANGES), label=_range_label(text)),
        is_unfiltered=not timeless(text),
        pinned=pinned(text, now),
        suggestion=suggest(text) or "",
        kinds=pick(text, "kind", KINDS),
    )
    try:
        rows, page = _read_page(repository, text, cursor or None, now, view)
        more, last = _read_on(repository, text, now, view, around if not _holds(rows, around) else "", page)
        rows += more
    except QueryError as error:
        return replace(frame, mistake=mistake_of(text, error))
    return replace(
        frame,
        rows=rows,
        next=last.next,
        live=page.live,
        progress=_progress(last.progress, now),
        around=around if _holds(rows, around) else "",
        reach=_reach(text, now),
        hints=() if rows or last.next else tuple(_hints(text)),
        shortfall=find_shortfall(repository, text, now),
        cluster=term_value(text, "cluster") or "",
        since=_begins(text, now),
        is_store_empty=not rows and not names,
        can_load_demo=can_load_demo,
    )


def _read_page(
    repository: Repository, text: str, cursor: str | None, now: int, view: View
) -> tuple[tuple[Row, ...], AnyPage]:
    fold = fold_of(view.show)
    if fold is None:
        events = feed.page(repository, text, cursor, feed.PAGE, now)
        return with_alerts(repository, [row_of(event, now, view.columns) for event in events.events]), events
    page = cards.page(repository, text, cursor, feed.PAGE, now, fold)
    return with_alerts(repository, [row_of_card(card, now, view.columns) for card in page.cards]), page


def _read_on(
    repository: Repository, text: str, now: int, view: View, around: str, page: AnyPage
) -> tuple[tuple[Row, ...], AnyPage]:
    """Return the rows of the next pages up to the one that holds an event, and the last of these pages."""
    rows: tuple[Row, ...] = ()
    for _ in range(PAGES_AROUND if around else 0):
        if page.next is None or _holds(rows, around):
            break
        more, page = _read_page(repository, text, page.next, now, view)
        rows += more
    return rows, page


def _holds(rows: Sequence[Row], identifier: str) -> bool:
    return any(row.holds(identifier) for row in rows)


def fold_of(show: str) -> Literal["commands", "requests"] | None:
    """Give what events are folded into; None when each has a row of its own. What is unknown means commands."""
    return None if show == "events" else "requests" if show == "requests" else "commands"


def _range_label(text: str) -> str:
    """Name the time of a query; empty for bounds that are none of the menu's, which the page writes out."""
    since, until = term_value(text, "since") or "", term_value(text, "until")
    return "" if until else dict(RANGES).get(since, "")


def _begins(text: str, now: int) -> int | None:
    since, _ = time_bounds(parse(text, now))
    return None if since is None else since * 1000


def _reach(text: str, now: int) -> Reach:
    return Reach(*(moment_of(bound * 1000, now) if bound else None for bound in time_bounds(parse(text, now))))


def _progress(progress: feed.Progress | None, now: int) -> Progress | None:
    return Progress(moment_of(progress.moment, now), progress.percent) if progress else None


def view_news(repository: Repository, text: str, live: str, now: int, view: View = View()) -> NewsView:
    """Show what arrived since a live token was given."""
    fold = fold_of(view.show)
    if fold is None:
        events = feed.news(repository, text, live, now)
        fresh = with_alerts(repository, [row_of(event, now, view.columns) for event in events.events])
        return NewsView(fresh, events.live, events.more)
    news = cards.news(repository, text, live, now, fold)
    rows, others = (
        with_alerts(repository, [row_of_card(card, now, view.columns) for card in some])
        for some in (news.cards, news.others)
    )
    return NewsView(rows, news.live, news.more, others)


def pick(text: str, field: str, choices: Sequence[tuple[str, str]]) -> Picker:
    """Offer the values of one field, each with the query that has it; the picker is labelled with the current one."""
    try:
        current = term_value(text, field) or ""
    except QueryError:
        current = ""
    offered = tuple(Choice(label, _changed(text, field, value), value == current, value) for value, label in choices)
    label = next((choice.label for choice in offered if choice.is_current), f"{field}:{shown(current, longest=24)}")
    return Picker(label, offered)


def _hints(text: str) -> Iterator[Hint]:
    """Say what may be loosened, one term at a time."""
    for field in LOOSENED:
        value = term_value(text, field)
        if value:
            yield Hint(f"Leave out {field}:{shown(value, longest=40)}", with_term(text, field, None))
    yield Hint("A value must match as a whole: user:ali* finds what begins with ali.")
    yield Hint("Show everything", "")


def _changed(text: str, field: str, value: str) -> str:
    try:
        return with_term(text, field, value or None)
    except QueryError:
        # What cannot be read cannot be edited; the choice then starts anew.
        return f"{field}:{quote(value)}" if value else ""


def mistake_of(text: str, error: QueryError) -> Mistake:
    """Cut the query at the place of its mistake."""
    end = error.position + max(0, error.length)
    return Mistake(
        error.message, text[:error.position], text[error.position:end], text[end:], ", ".join(error.expected)
    )
