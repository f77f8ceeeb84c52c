"""The feed as its page shows it: rows, pickers, what is wrong with the query, and what to say when nothing is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from audit_webhook.events.visible_text import shown
from audit_webhook.humanize.moments import Moment, moment_of
from audit_webhook.query import QueryError, parse, time_bounds
from audit_webhook.query.edit import quote, term_value, with_term
from audit_webhook.search import cards, feed
from audit_webhook.search.card_rows import row_of_card
from audit_webhook.search.completeness import find_shortfall
from audit_webhook.search.event_rows import Row, row_of
from audit_webhook.search.saved import DEFAULT_COLUMNS
from audit_webhook.storage.repository import Repository

RANGES: Final = (
    ("", "All time"),
    ("15m", "Last 15 minutes"),
    ("1h", "Last hour"),
    ("6h", "Last 6 hours"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
)
SHOWN: Final = (("commands", "Commands"), ("requests", "Requests"), ("events", "Events"))
KINDS: Final = (("", "Everything"), ("human", "People"), ("system", "System"))


LOOSENED: Final = ("since", "until", "cluster", "kind", "ns", "user", "verb", "resource", "name", "code")


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to change the query: the query that choosing it gives, and whether it holds already."""

    label: str
    query: str
    is_current: bool


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
    is_store_empty: bool = False
    can_load_demo: bool = False

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
) -> FeedView:
    """Show a page of the feed; a mistake in the query is shown, not raised."""
    names = feed.clusters(repository)
    frame = FeedView(
        text,
        cursor,
        clusters=pick(text, "cluster", [("", "All clusters"), *((name, name) for name in names)]),
        ranges=pick(text, "since", RANGES),
        kinds=pick(text, "kind", KINDS),
    )
    try:
        rows, page = _read_page(repository, text, cursor or None, now, view)
    except QueryError as error:
        return replace(frame, mistake=mistake_of(text, error))
    return replace(
        frame,
        rows=rows,
        next=page.next,
        live=page.live,
        progress=_progress(page.progress, now),
        reach=_reach(text, now),
        hints=() if rows or page.next else tuple(_hints(text)),
        shortfall=find_shortfall(repository, text, now),
        cluster=term_value(text, "cluster") or "",
        since=_begins(text, now),
        is_store_empty=not rows and not names,
        can_load_demo=can_load_demo,
    )


def _read_page(
    repository: Repository, text: str, cursor: str | None, now: int, view: View
) -> tuple[tuple[Row, ...], feed.FeedPage | cards.CardPage]:
    fold = fold_of(view.show)
    if fold is None:
        events = feed.page(repository, text, cursor, feed.PAGE, now)
        return tuple(row_of(event, now, view.columns) for event in events.events), events
    page = cards.page(repository, text, cursor, feed.PAGE, now, fold)
    return tuple(row_of_card(card, now, view.columns) for card in page.cards), page


def fold_of(show: str) -> Literal["commands", "requests"] | None:
    """Give what events are folded into; None when each has a row of its own. What is unknown means commands."""
    return None if show == "events" else "requests" if show == "requests" else "commands"


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
        return NewsView(tuple(row_of(event, now, view.columns) for event in events.events), events.live, events.more)
    news = cards.news(repository, text, live, now, fold)
    rows, others = (
        tuple(row_of_card(card, now, view.columns) for card in some) for some in (news.cards, news.others)
    )
    return NewsView(rows, news.live, news.more, others)


def pick(text: str, field: str, choices: Sequence[tuple[str, str]]) -> Picker:
    """Offer the values of one field, each with the query that has it; the picker is labelled with the current one."""
    try:
        current = term_value(text, field) or ""
    except QueryError:
        current = ""
    offered = tuple(Choice(label, _changed(text, field, value), value == current) for value, label in choices)
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
