"""What the test of noninterference asks each route of the application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

QUERIES: Final = (
    "", "user:alice", "user:hiddenuser0", "verb:delete", "name:web-1", "name:hidden*", "ns:bank", "ns:shop",
    "cluster:staging", "cluster:prod", "ip:6.6.6.6", "ua:hidden*", "body:hidden", "hidden", "code:200", "audit:shared",
    "since:30d", "until:1d", "-user:alice", "resource:pods verb:list", "kind:human", "decision:allow",
    "name:same", "name:future", "body:web",
    "since:2026-11-23T12:10:00Z",
    "until:2026-11-23T12:00:00Z", "since:2026-11-24", "(ns:bank or ns:shop)", "command:get",
)
MISTAKES: Final = ("user:", "(", "nothing:x", "since:never", 'a "b')
VALUES: Final = ("", "h", "hid", "6", "a", "s", "ba", "web")
COMPLETED: Final = (
    "user", "verb", "ns", "cluster", "name", "ip", "ua", "resource", "usergroup", "client", "as", "manager",
    "group", "code",
)
NAMES: Final[dict[str, tuple[str, ...]]] = {
    "cluster": ("prod", "staging", "hiddencluster"), "group": ("core",), "resource": ("pods",),
    "namespace": ("shop", "bank", "-", "shop-2"), "filename": ("app.css",), "step": ("newer", "older"),
    "sink": ("hook",),
}
BY_ENDPOINT: Final[dict[str, tuple[str, ...]]] = {
    "explore.show_object": ("web-1", "same", "hidden-0-0", "future"), "api.get_object": ("web-1", "same", "hidden-0-0"),
    "explore.show_actor": ("alice", "hiddenuser0", "bob-user"), "api.get_actor": ("alice", "hiddenuser0"),
    "api.get_needs": ("alice", "hiddenuser0"),
    "clusters.show_cluster": ("prod", "staging", "hiddencluster"), "setup.download": ("webhook.yaml", "policy.yaml"),
}
"""Names of objects, actors, clusters and files; ids of events are those of both servers."""


def searches(**more: str) -> Iterator[dict[str, str]]:
    """Yield each query as parameters, with others beside it."""
    yield from ({"q": query, **more} for query in QUERIES)


def clusters(**more: str) -> list[dict[str, str]]:
    """Return parameters for no cluster and for each."""
    return [{}, *({"cluster": name, **more} for name in NAMES["cluster"])]


def cursors(hidden: list[str]) -> Iterator[dict[str, str]]:
    """Yield cursors made of ids that the reader may not see, and some that are none."""
    for identifier in hidden[:4]:
        yield {"cursor": identifier}
        yield {"cursor": f"{identifier}.{hidden[0]}", "q": "user:alice"}
        yield {"before": identifier}
    yield from ({"cursor": text} for text in ("x", "0" * 26, "7" + "Z" * 25, "é"))


NEEDS: Final = [
    {"cluster": cluster, "user": user, "since": "all", "refused": "1"}
    for cluster in NAMES["cluster"] for user in ("alice", "hiddenuser0")
]
ASKED: Final[dict[str, list[dict[str, str]]]] = {
    "ui.show_feed": [*searches(show="events", counts="1"), *searches(show="commands"), *searches(show="requests"),
                     *({"q": mistake} for mistake in MISTAKES), {"columns": "cluster,ns"}],
    "ui.show_timeline": [*searches(), *searches(by="actor"), *({"q": mistake} for mistake in MISTAKES)],
    "picture.show_values": [*searches(by="user"), {"q": "", "by": "ip"}, {"q": "("}],
    "ui.show_news": [{}, {"after": "x", "q": "user:alice"}],
    "ui.complete_query": [{"before": f"{field}:{value}", "after": ""} for field in COMPLETED for value in VALUES],
    "ui.show_filters": [{}, {"q": "user:alice"}], "ui.narrow_feed": [{"q": "a", "term": "ns:bank"}, {"term": "x"}],
    "ui.choose_range": [{"when": "7d", "q": "a"}, {"from": "2026-11-24", "to": "x"}],
    "ui.step_event": [{}, {"q": "user:alice"}, {"q": "ns:bank"}, {"q": "("}],
    "ui.show_event": [{}], "ui.download_raw": [{}], "picture.show_picture": [*searches(), {"q": "", "by": "verb"}],
    "api.get_events": [*searches(limit="20"), {"limit": "x"}, *({"q": mistake} for mistake in MISTAKES)],
    "api.get_event": [{}], "api.get_commands": [*searches()], "api.get_object": [{}, {"before": "0" * 26}],
    "api.get_description": [{}],
    "api.export_events": [*searches(), *searches(format="csv"), {"format": "x"}],
    "api.get_facets": [*searches()], "api.get_histogram": [*searches(), *searches(by="verb")],
    "api.get_actors": [{}], "api.get_actor": [{}], "api.get_losses": [{}, *clusters()], "api.get_loss": [{}],
    "api.get_status": [{}], "api_evidence.get_evidence": [{}], "api.get_permissions": [{}, {"since": "all"}],
    "api.get_needs": [{}, {"since": "all", "namespaces": "apart"}], "api.get_live": [{}, {"after": "x", "q": "a"}],
    "alerts.show_alerts": [{}, *clusters(state="active")], "alerts.show_alert": [{}], "alerts.show_mutes": [{}],
    "alerts.show_rules": [{}, {"technique": "T1611"}], "api.get_alerts": clusters(days="90"), "api.get_alert": [{}],
    "alerts.show_coverage": [{}], "api.get_coverage": [{}],
    "api.get_rules": [{}], "api.get_sinks": [{}], "sinks.show_sinks": [{}],
    "quarantine.show_quarantine": clusters(), "quarantine.show_item": [{}],
    "losses.show_losses": clusters(days="30"), "losses.show_loss": [{}],
    "clusters.show_clusters": [{}, {"days": "30"}], "clusters.show_cluster": [{}, {"days": "30"}],
    "evidence.show_evidence": [{}], "evidence.download_proof": [{}], "explore.show_object": [{}],
    "explore.show_actors": clusters(), "explore.show_actor": [{}],
    "explore.show_permissions": [*clusters(since="all"), *clusters(since="7d")],
    "explore.show_needs": NEEDS, "explore.download_needs": NEEDS,
    "setup.show_setup": clusters(), "setup.show_status": clusters(), "setup.download": clusters(),
    "access.show_account": [{}], "access.show_readers": [{}], "access.show_login": [{}],
    **dict.fromkeys((
        "access.log_in", "access.log_out", "access.issue_token", "access.revoke_token", "access.revoke_session",
        "alerts.change_alert", "alerts.mute_alert", "alerts.revoke_mute", "alerts.switch_rule",
        "sinks.send_test", "sinks.retry_sink", "sinks.retry_message",
        "saved.save_search", "saved.delete_search", "setup.load_demo",
    ), [{}]),
}
