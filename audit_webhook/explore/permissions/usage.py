"""Who uses which permission: the bindings behind allowed requests, and the least that an actor would need."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from audit_webhook.events.ids import time_bound
from audit_webhook.explore.permissions.least_privilege import Need, is_wildcard, write_roles
from audit_webhook.history.manifest import quote as quote_yaml
from audit_webhook.history.manifest import to_yaml
from audit_webhook.query.edit import quote
from audit_webhook.search.addresses import Actor
from audit_webhook.search.compile_query import compile_query
from audit_webhook.search.search import groups, narrow_down
from audit_webhook.storage.actor_store import Asked, Exploration, NamedCaller
from audit_webhook.storage.chunks.grant_postings import Binding, gives_everything, read_grant
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.search_sql import FIRST, LAST

RANGES: Final = {"24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400, "all": 0}
SECONDS: Final = 3.0
MOST_LEFT_OUT: Final = 50
LONGEST_LEFT_OUT: Final = 200


class Use(NamedTuple):
    """Somebody who used a binding: as whom, in how many batches of events, and when last (microseconds).

    ``proxy`` is the authenticated user where that acted for somebody else.
    """

    user: str
    impersonated_user: str
    proxy: str
    kind: str
    batches: int
    last: int


class Used(NamedTuple):
    """A binding and who used it, the most recent first."""

    binding: Binding
    uses: list[Use]


class Needs(NamedTuple):
    """The manifests that would allow what an actor did; `is_whole` unless time ran out before all was read.

    ``left_out`` names the requests that no rule is written for, because RBAC would read a wildcard in it.
    """

    yaml: str
    kinds: int
    roles: int
    is_whole: bool
    left_out: tuple[str, ...] = ()


def list_bindings(repository: Repository, cluster: str, since: int | None, user: str = "") -> list[Used]:
    """Give the bindings that were used, those that give everything first; only those of a user when one is named."""
    exploration = Exploration(repository.database, repository.scope)
    grants = exploration.grants(cluster, FIRST if since is None else time_bound(since // 1000))
    read = [(found, grant) for grant in grants if (found := read_grant(grant.value))]
    callers = exploration.named_callers(sorted({caller for (_, caller), _ in read}))
    uses: dict[Binding, dict[tuple[str, str, str], Use]] = {}
    for (binding, caller), grant in read:
        who = callers.get(caller, NamedCaller("", "", "", ""))
        if who.effective_user and (not user or user in who[:3]):
            last = int.from_bytes(grant.last_chunk[:6], "big") * 1000
            assumed = who.impersonated_user if who.impersonated_user != who.effective_user else ""
            proxy = who.user if who.user != who.effective_user else ""
            use = Use(who.effective_user, assumed, proxy, who.kind, grant.chunks, last)
            _add(uses.setdefault(binding, {}), use)
    found_all = [Used(binding, sorted(found.values(), key=lambda use: -use.last)) for binding, found in uses.items()]
    return sorted(found_all, key=lambda used: (not gives_everything(used.binding), used.binding[1:]))


def _add(uses: dict[tuple[str, str, str], Use], use: Use) -> None:
    known = uses.get(use[:3])
    if known:
        # One batch may hold several ways of coming of the same user: the largest number is certain, the sum is not.
        use = use._replace(batches=max(use.batches, known.batches), last=max(use.last, known.last))
    uses[use[:3]] = use


def find_needs(
    repository: Repository, actor: Actor, since: int | None, now: int, are_namespaces_apart: bool, with_refused: bool
) -> Needs:
    """Give the least that RBAC must allow for what an actor did since then; stops after a few seconds and says so."""
    asked: set[Asked] = set()
    is_whole = True
    deadline = time.monotonic() + SECONDS
    exploration = Exploration(repository.database, repository.scope)
    name = quote(actor.name)
    search = compile_query(
        f'cluster:{quote(actor.cluster)} (by:{name} or as:{name})', now,
        repository.database.dialect,
    )
    if since is not None:
        search = search._replace(lowest=time_bound(since // 1000))
    narrowed = narrow_down(repository, search)
    for spans, _ in groups(repository, narrowed, LAST) if narrowed else ():
        asked.update(exploration.requests(narrowed, LAST, spans) if spans and narrowed else ())
        if time.monotonic() > deadline:
            is_whole = False
            break
    needs = set(_needs(actor.name, asked, with_refused))
    manifests = write_roles(actor.name, needs, are_namespaces_apart)
    left_out = tuple(sorted({_describe(need) for need in needs if is_wildcard(need)}))
    text = "---\n".join(to_yaml(manifest) for manifest in manifests)
    notes = "".join(f"# Left out, because * is a wildcard in a rule: {each}\n" for each in left_out[:MOST_LEFT_OUT])
    kinds = sum(not is_wildcard(need) for need in needs)
    return Needs(notes + text, kinds, len(manifests) // 2, is_whole, left_out)


def _describe(need: Need) -> str:
    """Name a request on one line, with what cannot be seen escaped."""
    what = need.path or ".".join(filter(None, (need.resource, need.group)))
    where = f" in {need.namespace}" if need.namespace else ""
    return quote_yaml(f"{need.verb} {what}{where}"[:LONGEST_LEFT_OUT])


def _needs(user: str, asked: Iterable[Asked], with_refused: bool) -> Iterator[Need]:
    for each in asked:
        if each.decision != "allow" and not (with_refused and each.decision == "forbid"):
            continue
        if each.impersonated_user and each.impersonated_user != user:
            # The request itself ran with the other one's rights; this one needed only to become the other one.
            yield _impersonation(each.impersonated_user)
        elif each.resource:
            resource = f"{each.resource}/{each.subresource}" if each.subresource else each.resource
            yield Need(each.verb, each.group, resource, each.namespace, each.name)
        elif each.uri:
            yield Need(each.verb, path=each.uri.partition("?")[0])


def _impersonation(user: str) -> Need:
    prefix, _, rest = user.rpartition("system:serviceaccount:")
    namespace, _, name = rest.partition(":")
    if not prefix and name:
        return Need("impersonate", resource="serviceaccounts", namespace=namespace, name=name)
    return Need("impersonate", resource="users", name=user)
