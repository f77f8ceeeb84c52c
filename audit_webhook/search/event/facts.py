"""What is known of an event as a list of facts: who, what, from where, with what, why it was allowed, how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from audit_webhook.events.authorizer_reason import parse_reason
from audit_webhook.events.event import Event
from audit_webhook.events.identities import proxy_name
from audit_webhook.events.visible_text import shown, shown_value
from audit_webhook.humanize.moments import Moment, moment_of, write_delay
from audit_webhook.query.edit import quote
from audit_webhook.web.client_address import find_client_address

CREDENTIAL: Final = "authentication.kubernetes.io/"
MOST_VALUES: Final = 40
LONGEST_QUERY: Final = 2_000
"""A longer value is no link: a query has at most 4,096 characters."""
_KIND_MARKS: Final = {
    "human": "person",
    "serviceaccount": "service account",
    "node": "node",
    "controlplane": "control plane",
    "anonymous": "anonymous",
}
_EXTRA_LABELS: Final = (
    (f"{CREDENTIAL}credential-id", "Credential"),
    (f"{CREDENTIAL}pod-name", "Of pod"),
    (f"{CREDENTIAL}node-name", "On node"),
    ("accessKeyId", "Access key"),
    ("arn", "ARN"),
)


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a fact; with a query it is a link to the events that have it."""

    text: str
    query: str = ""
    mark: str = ""
    is_code: bool = False
    moment: Moment | None = None

    @property
    def shown_query(self) -> str:
        """The query with what cannot be seen written out, to be read and not to be searched for."""
        return shown(self.query, longest=200)


@dataclass(frozen=True, slots=True)
class Fact:
    """A label with its values, and a remark on them."""

    label: str
    values: tuple[Value, ...]
    note: str = ""


def facts_of(
    event: Event, document: Mapping[str, object], now: int, proxies: str = ""
) -> Iterable[tuple[Fact, ...]]:
    """Give the facts in groups, in reading order; what is not known has no fact.

    ``proxies`` is the setting TRUSTED_SOURCE_PROXIES: the networks of those whose word on addresses is believed.
    """
    groups = (
        _who(event, document),
        _from_where(event, proxies),
        _what(event),
        (*_outcome(event), *_why(event, document)),
        _record(event, document, now),
    )
    for group in groups:
        known = tuple(fact for fact in group if any(value.text for value in fact.values))
        if known:
            yield known


def _term(field: str, raw: str) -> str:
    return f"{field}:{quote(raw)}" if raw else ""


def _linked(field: str, raw: str, mark: str = "", is_code: bool = False) -> Value:
    query = _term(field, raw) if len(raw) <= LONGEST_QUERY else ""
    return Value(shown_value(raw), query, shown(mark), is_code)


def _code(raw: str) -> Value:
    return Value(shown_value(raw), is_code=True)


def _who(event: Event, document: Mapping[str, object]) -> Iterable[Fact]:
    yield Fact("Who", (_linked("user", event.actor, _KIND_MARKS.get(event.kind, "")),))
    yield Fact("Session", (_linked("session", event.session),))
    yield Fact("Through", (_linked("by", event.proxy, proxy_name(event.proxy) or ""),), "The authenticated user.")
    yield Fact("Acting as", (_linked("as", event.borrowed_user),), "The request ran with this user's rights.")
    yield Fact("Groups", tuple(_linked("usergroup", group) for group in event.user_groups[:MOST_VALUES]))
    assumed = _mapping(document.get("impersonatedUser"))
    yield Fact("Assumed groups", tuple(map(_code, _texts(assumed.get("groups")))) if assumed else ())
    extra = _mapping(_mapping(document.get("user")).get("extra"))
    for key, label in _EXTRA_LABELS:
        # No column holds these: whatever else came with the same token is found in the events themselves.
        yield Fact(label, tuple(_linked("body", text, is_code=True) for text in _texts(extra.get(key))))
    yield from _extra_facts("Extra", {key: each for key, each in extra.items() if key not in dict(_EXTRA_LABELS)})
    yield from _extra_facts("Claimed for them" if event.proxy else "Assumed extra", _mapping(assumed.get("extra")))


def _extra_facts(label: str, extra: Mapping[str, object]) -> Iterable[Fact]:
    for name, values in list(extra.items())[:MOST_VALUES]:
        short = shown(str(name).removeprefix(CREDENTIAL), longest=80)
        yield Fact(label, tuple(
            Value(f"{short}: {shown(text)}", _term("body", text), is_code=True) for text in _texts(values)
        ))


def _from_where(event: Event, proxies: str) -> Iterable[Fact]:
    client = client_of(event.source_ips, proxies)
    if client != event.source_ip:
        yield Fact("From", (_linked("ip", client, "as trusted proxies say", is_code=True),))
    label = "From" if client == event.source_ip else "Last proxy"
    yield Fact(label, (_linked("ip", event.source_ip, "seen by the apiserver", is_code=True),))
    claimed = tuple(_linked("ip", address, "claimed", is_code=True) for address in event.claimed_ips[-MOST_VALUES:])
    yield Fact("Forwarded for", claimed, "Claimed by the client, unproven.")
    yield Fact("Client", (_linked("client", event.client),))
    yield Fact("User agent", (_code(event.user_agent),))


def client_of(addresses: Sequence[str], proxies: str) -> str:
    """Return the address that a request came from: the last that none of the trusted proxies has."""
    return find_client_address(addresses[-1], ", ".join(addresses[:-1]), proxies) if addresses else ""


def _what(event: Event) -> Iterable[Fact]:
    yield Fact("Verb", (_linked("verb", event.verb, is_code=True),))
    resource = "/".join(part for part in (event.resource, event.subresource) if part)
    group = "/".join(part for part in (event.api_group, event.api_version) if part)
    yield Fact("Resource", (_linked("resource", resource, group, is_code=True),))
    yield Fact("Namespace", (_linked("ns", event.namespace, is_code=True),))
    yield Fact("Name", (_linked("name", event.name, is_code=True),))
    yield Fact("Request", (_code(event.request_uri),))
    yield Fact("Manager", (_linked("manager", event.manager, is_code=True),))


def _outcome(event: Event) -> Iterable[Fact]:
    code = "" if event.code is None else str(event.code)
    said = " · ".join(part for part in (event.status_reason, event.status_message) if part)
    yield Fact("Outcome", (_linked("code", code, is_code=True),), shown(said))


def _why(event: Event, document: Mapping[str, object]) -> Iterable[Fact]:
    """Say what the authorizer wrote; with impersonation it was the assumed user's groups that counted."""
    assumed = _texts(_mapping(document.get("impersonatedUser")).get("groups"))
    permission = parse_reason(event.decision, event.reason, assumed if event.impersonated_user else event.user_groups)
    if permission is None:
        return
    yield Fact("Why", (Value(shown(permission.text)), _linked("decision", event.decision, is_code=True)))
    binding = "/".join(part for part in (permission.binding_namespace, permission.binding) if part)
    title = "Policy" if permission.role_kind == permission.binding_kind else "Binding"
    yield Fact(title, (Value(shown(binding), mark=permission.binding_kind, is_code=True),))
    if permission.role_kind != permission.binding_kind:
        yield Fact("Role", (Value(shown(permission.role), mark=permission.role_kind, is_code=True),))


def _record(event: Event, document: Mapping[str, object], now: int) -> Iterable[Fact]:
    yield Fact("Cluster", (_linked("cluster", event.cluster, is_code=True),))
    yield Fact("Recorded", (_linked("level", event.level), _linked("stage", event.stage)))
    if event.received:
        received = moment_of(event.received, now)
        late = write_delay(max(0, event.received - event.time))
        yield Fact("Received", (Value(received.exact, is_code=True, moment=received),), f"{late} after the event")
    yield Fact("User ID", tuple(_code(text) for text in _texts(_mapping(document.get("user")).get("uid"))))
    yield Fact("Audit ID", (_linked("audit", event.audit_id, is_code=True),))
    yield Fact("Event ID", (_linked("id", event.id, is_code=True),))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> tuple[str, ...]:
    """Give the texts of a value that should be a text or a list of texts, but comes from a client."""
    values = value if isinstance(value, list) else [value]
    return tuple(each for each in values[:MOST_VALUES] if isinstance(each, str))
