"""Reads of stored chunks only those events that some rule may match."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from audit_webhook.alerts.rule_book import Candidate, RuleBook
from audit_webhook.events.event import Event
from audit_webhook.search.histogram.dimensions import Dimensions
from audit_webhook.search.scan import Hits
from audit_webhook.search.search import event_of
from audit_webhook.storage.alert_progress_store import AlertProgressStore, Key
from audit_webhook.storage.repository import Located, Repository
from audit_webhook.storage.search_sql import Span

REMEMBERED_KEYS: Final = 100_000
EVENTS_A_TURN: Final = 32


class Possible(NamedTuple):
    """An event, its JSON, and the rules that it may match."""

    event: Event
    raw: bytes
    candidates: tuple[Candidate, ...]


class ChunkReader:
    """Finds by callers, actions and namespaces, and by bytes, which events of a chunk have to be read."""

    def __init__(
        self, repository: Repository, store: AlertProgressStore, book: RuleBook, pause: Callable[[], None]
    ) -> None:
        """Read for the rules of a book; ``pause`` is called now and then, to let others have their turn."""
        self._repository: Final = repository
        self._store: Final = store
        self._book: Final = book
        self._pause: Final = pause
        self._dimensions: Final = Dimensions(repository.tallies)
        self._candidates: dict[Key, tuple[Candidate, ...]] = {}

    def read(self, span: Span) -> Iterator[Possible]:
        """Yield the events of a chunk that some rule may match, in the order of their times."""
        keys = self._known(self._store.chunk_keys(span))
        wanted = {key for key in keys if self._candidates.get(key)}
        found = Hits(self._repository, [span], needles) if (needles := self._book.needles) else None
        touched = found is not None and bool(found.spans)
        actions = {action for _, action, _ in (keys if touched else wanted)}
        rows = self._store.chunk_rows(span, sorted(actions)) if actions else []
        located = {row.id: Located(*row[:4]) for row in rows}
        hit = {row.id for row in rows if found is not None and touched and found.touch(located[row.id])}
        keys_of = {row.id: row.key for row in rows if row.key in wanted or row.id in hit}
        for number, raw in enumerate(self._repository.read_chunks([located[each] for each in keys_of])):
            if number % EVENTS_A_TURN == 0:
                self._pause()
            event = event_of(raw)
            candidates = self._candidates.get(keys_of[raw.id], ())
            if raw.id in hit:
                candidates = (*candidates, *self._book.searched(event, raw.raw))
            yield Possible(event, raw.raw, candidates)

    def _known(self, keys: Sequence[Key]) -> Sequence[Key]:
        """Find the candidates of keys that are not known yet."""
        if len(self._candidates) > REMEMBERED_KEYS:
            self._candidates = {}
        missing = [key for key in keys if key not in self._candidates]
        for key, event in self._dimensions.events(missing).items() if missing else ():
            self._candidates[key] = self._book.candidates(event)
        return keys
