"""What the store knows of actors and permissions: the reading half of the repository behind their pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from audit_webhook.storage import statements as queries
from audit_webhook.storage.chunks.layout import posted
from audit_webhook.storage.database import Database, Row
from audit_webhook.storage.scope import Scope
from audit_webhook.storage.search_sql import EVERYTHING, Search, Span, fill_chunks, fill_ids, fill_requests, within
from audit_webhook.storage.text_columns import text_of

MOST_CALLERS: Final = 5_000
MOST_CHUNKS: Final = 50_000


class CallerOf(NamedTuple):
    """One way in which an actor came: from where, with what, as whom; the last day is one since the epoch, in UTC.

    ``user`` is the authenticated user and ``effective_user`` on whose behalf: the actor is one of them or both.
    """

    user: str
    effective_user: str
    groups: tuple[str, ...]
    impersonated_user: str
    source_ip: str
    user_agent: str
    client: str
    kind: str
    session: str
    claimed_ips: tuple[str, ...]
    last_day: int


class NamedCaller(NamedTuple):
    """Who a caller was: on whose behalf, as which authenticated user, with whose rights, of what kind."""

    effective_user: str
    user: str
    impersonated_user: str
    kind: str


class Grant(NamedTuple):
    """A permission with one of those who used it, as posted: in how many chunks, and the last of these."""

    value: str
    chunks: int
    last_chunk: bytes


class Asked(NamedTuple):
    """A kind of request that was made: what was asked for, and how that ended."""

    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    decision: str
    code: int
    impersonated_user: str
    uri: str


class Exploration:
    """Reads what actors and permissions have been used for.

    What it knows of a cluster tells no namespace: who may not see the whole cluster sees nothing of it here.
    """

    def __init__(self, database: Database, scope: Callable[[], Scope]) -> None:
        """Read from this database; ``scope`` tells what may be seen at a moment."""
        self._scope = scope
        self._database = database
        self._statements = queries.load(database.dialect)

    def callers_of(self, cluster: str, user: str) -> list[CallerOf]:
        """Return the ways in which a user came, or somebody whom they acted for, the most recent days first."""
        rows = self._rows_of(cluster, self._statements["callers_of"], (cluster, user, user, MOST_CALLERS))
        return [
            CallerOf(
                text_of(name), text_of(effective), _apart(groups), text_of(impersonated), text_of(ip), text_of(agent),
                text_of(client), text_of(kind), text_of(session), _apart(claimed), int(last_day),
            )
            for name, effective, groups, impersonated, ip, agent, client, kind, session, claimed, last_day in rows
        ]

    def actors(self, cluster: str) -> list[tuple[str, str, int]]:
        """Give a cluster's users with their kind and last day, the most recent first."""
        rows = self._rows_of(cluster, self._statements["actors"], (cluster, MOST_CALLERS))
        return _each_once((text_of(user), text_of(kind), int(day)) for user, kind, day in rows if user)

    def impersonators_of(self, cluster: str, user: str) -> list[tuple[str, int]]:
        """Give who acted as a user, and the last day of each."""
        rows = self._rows_of(cluster, self._statements["impersonators_of"], (cluster, user, MOST_CALLERS))
        return [(text_of(name), int(day)) for name, day in rows]

    def named_callers(self, ids: Sequence[bytes]) -> dict[bytes, NamedCaller]:
        """Return who callers were."""
        found: dict[bytes, NamedCaller] = {}
        for start in range(0, len(ids), 500):
            part = ids[start:start + 500]
            for key, *texts in self._rows(fill_ids(self._statements["named_callers"], len(part)), part):
                found[key] = NamedCaller(*map(text_of, texts))
        return found

    def active_chunks(self, cluster: str, user: str) -> list[bytes]:
        """Give the ids of a cluster's newest chunks, newest first, that hold an event of a user."""
        filled = fill_chunks(self._statements["active_chunks"], EVERYTHING, self._database.dialect)
        values = ("cluster", posted(cluster), "user", posted(user), MOST_CHUNKS)
        return [key for (key,) in self._rows_of(cluster, filled.sql, values)]

    def chunk_spans(self, ids: Sequence[bytes]) -> list[Span]:
        """Give chunks by their ids, newest first."""
        return [Span(*row) for row in self._rows(fill_ids(self._statements["chunk_spans"], len(ids)), ids)]

    def first_chunk(self, cluster: str, user: str) -> Span | None:
        """Give the oldest chunk of a cluster that holds an event of a user."""
        filled = fill_chunks(self._statements["first_chunk"], EVERYTHING, self._database.dialect)
        rows = self._rows_of(cluster, filled.sql, ("user", posted(user), cluster))
        return Span(*rows[0]) if rows else None

    def grants(self, cluster: str, since: bytes) -> list[Grant]:
        """Give the permissions of a cluster used since then: their posted text begins with its name and a slash."""
        bounds = (f"{cluster}/", f"{cluster}0")  # the character after the slash
        rows = self._rows_of(cluster, self._statements["grants"], ("grant", *bounds, since))
        return [Grant(text_of(value), int(count), last) for value, count, last in rows]

    def requests(self, search: Search, before: bytes, spans: Sequence[Span]) -> list[Asked]:
        """Give the kinds of requests that match, in these chunks."""
        search = within(search, self._scope())
        filled = fill_requests(self._statements["requests"], search, spans, self._database.dialect)
        values = (search.lowest, min(before, search.highest), *filled.parameters)
        return [
            Asked(
                text_of(verb), text_of(group), text_of(resource), text_of(subresource), text_of(namespace),
                text_of(name), text_of(decision), int(code), text_of(impersonated), text_of(uri),
            )
            for verb, group, resource, subresource, namespace, name, decision, code, impersonated, uri
            in self._rows(filled.sql, values)
        ]

    def _rows_of(self, cluster: str, statement: str, parameters: Sequence[Any]) -> Sequence[Row]:
        scope = self._scope()
        may_see = scope.has_cluster(cluster) and scope.namespaces is None
        return self._rows(statement, parameters) if may_see else ()

    def _rows(self, statement: str, parameters: Sequence[Any]) -> Sequence[Row]:
        with self._database.read() as cursor:
            cursor.execute(queries.adapt(statement, self._database.dialect), tuple(parameters))
            return cursor.fetchall()


def _apart(joined: Any) -> tuple[str, ...]:
    """Return texts that stand each between newlines."""
    return tuple(text for text in text_of(joined).split("\n") if text)


def _each_once(actors: Iterable[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """Return each actor once: as a person where a name of the cluster's own was also used by hand."""
    found: dict[str, tuple[str, str, int]] = {}
    for name, kind, day in actors:
        known = found.get(name)
        if known is None:
            found[name] = (name, kind, day)
        elif kind == "human":
            found[name] = (name, kind, known[2])
    return list(found.values())
