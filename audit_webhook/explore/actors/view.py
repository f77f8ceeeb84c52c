"""An actor as the page shows it: what they did, when, from where, with what, as whom, and what was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from audit_webhook.events.authorizer_reason import parse_reason
from audit_webhook.events.event import EPOCH, Event
from audit_webhook.events.identities import kind_of
from audit_webhook.events.visible_text import shown
from audit_webhook.explore.actors.activity import CREDENTIAL, CREDENTIALS, Activity, Portrait
from audit_webhook.humanize import badge
from audit_webhook.humanize.actors import name_actor
from audit_webhook.humanize.moments import Moment, moment_of
from audit_webhook.query.edit import quote
from audit_webhook.search.addresses import Actor, Place, place_of
from audit_webhook.search.event_rows import KIND_LABELS, Kind, Row, row_of

MOST_SHOWN: Final = 12
RECENT: Final = 6
WINDOWS_AN_HOUR: Final = 6
CELL: Final = 13
_CHANGING: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Tally:
    """A value with how often it occurs or a remark, and a link to what has it: a query, an actor or an object."""

    text: str
    mark: str = ""
    query: str = ""
    actor: Actor | None = None
    place: Place | None = None
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A titled list of tallies; with a note that says what it is counted from."""

    title: str
    tallies: tuple[Tally, ...]
    note: str = ""
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """An hour of the calendar: where it stands, how active from 0 to 4, and its title."""

    x: int
    y: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """The heat of the last weeks: a column a day, a row an hour."""

    cells: tuple[Cell, ...]
    days: tuple[tuple[int, str], ...]
    hours: tuple[tuple[int, str], ...]
    width: int
    height: int
    summary: str


@dataclass(frozen=True, slots=True)
class ActorView:
    """Everything that the actor page's templates use."""

    actor: Actor
    title: str
    name: str
    kind: Kind
    groups: tuple[str, ...]
    first: Moment | None
    last: Moment | None
    calendar: Calendar
    columns: tuple[Group, ...]
    recent: tuple[Row, ...]
    denied: tuple[Row, ...]
    sample_note: str
    is_denied_whole: bool

    @property
    def is_known(self) -> bool:
        """Whether anything was ever recorded of the actor."""
        return self.last is not None or any(group.tallies for group in self.columns)


def view_actor(portrait: Portrait, now: int) -> ActorView:
    """Show an actor."""
    actor, events = portrait.actor, [event for event, _ in portrait.sample]
    kind = kind_in(portrait)
    return ActorView(
        actor=actor,
        title=shown(name_actor(actor.name), longest=120),
        name=shown(actor.name, longest=300),
        kind=Kind(kind, KIND_LABELS[kind]),
        groups=tuple(shown(group) for group in groups_in(portrait)[:20]),
        first=moment_of(portrait.first, now) if portrait.first is not None else None,
        last=moment_of(events[0].time, now) if events else None,
        calendar=draw(portrait.activity),
        columns=tuple(group for group in _groups(portrait) if group.tallies),
        recent=tuple(row_of(event, now) for event in events[:RECENT]),
        denied=tuple(row_of(event, now) for event in portrait.denied),
        sample_note=_sample_note(portrait),
        is_denied_whole=portrait.is_denied_whole,
    )


def _sample_note(portrait: Portrait) -> str:
    count = len(portrait.sample)
    return f"of all {count} events" if portrait.is_whole else f"of the newest {count} events"


def _groups(portrait: Portrait) -> Iterator[Group]:
    actor, sample = portrait.actor, portrait.sample
    events, note = [event for event, _ in sample], _sample_note(portrait)
    yield _counted("What they did", _deeds(actor, events), note)
    yield _counted("What they changed", _objects(events), note)
    yield _counted("Permissions they used", _bindings(actor, events), note)
    yield _dated("Addresses", "ip", portrait, [(each.source_ip, each.last_day) for each in portrait.callers])
    claimed = [(address, each.last_day) for each in portrait.callers for address in each.claimed_ips]
    yield _dated("Claimed addresses", "ip", portrait, claimed)
    yield _dated("Programs", "ua", portrait, [(each.user_agent, each.last_day) for each in portrait.callers])
    yield _counted("Credentials", _credentials(portrait), note)
    yield _dated("Sessions", "session", portrait, [(each.session, each.last_day) for each in portrait.callers])
    for key, title in (("pod-name", "Pods"), ("node-name", "Nodes")):
        values = Counter(text for _, traits in sample for text in traits.extra.get(CREDENTIAL + key, ()))
        yield _counted(title, ((Tally(shown(text)), count) for text, count in values.most_common()), note)
    yield _people("Through", actor, proxies_of(portrait))
    yield _people("Acted for", actor, principals_of(portrait))
    yield _people("Acted as", actor, roles_of(portrait))
    yield _people("Impersonated by", actor, portrait.impersonators)


def proxies_of(portrait: Portrait) -> list[tuple[str, int]]:
    """Return through which proxies an actor came, with the last day of each."""
    name = portrait.actor.name
    return [(each.user, each.last_day) for each in portrait.callers if each.effective_user == name != each.user]


def principals_of(portrait: Portrait) -> list[tuple[str, int]]:
    """Return for whom an actor acted as a proxy, with the last day of each."""
    name = portrait.actor.name
    return [
        (each.effective_user, each.last_day) for each in portrait.callers if each.user == name != each.effective_user
    ]


def roles_of(portrait: Portrait) -> list[tuple[str, int]]:
    """Return whose rights an actor took on, with the last day of each."""
    return [
        (each.impersonated_user, each.last_day) for each in portrait.callers
        if each.effective_user == portrait.actor.name != each.impersonated_user
    ]


def kind_in(portrait: Portrait) -> str:
    """Return what stands behind an actor: a person where a name of the cluster's own was used by hand."""
    kinds = [each.kind for each in portrait.callers if each.effective_user == portrait.actor.name]
    return "human" if "human" in kinds else next(iter(kinds), kind_of(portrait.actor.name))


def groups_in(portrait: Portrait) -> tuple[str, ...]:
    """Return the groups that an actor had last; of somebody behind a proxy they are not known here."""
    return next((each.groups for each in portrait.callers if each.user == portrait.actor.name), ())


def _counted(title: str, tallies: Iterable[tuple[Tally, int]], note: str) -> Group:
    found = list(tallies)
    kept = tuple(
        Tally(each.text, f"{count:,}", each.query, each.actor, each.place, each.tone)
        for each, count in found[:MOST_SHOWN]
    )
    return Group(title, kept, note, len(found) - len(kept))


def _deeds(actor: Actor, events: list[Event]) -> Iterator[tuple[Tally, int]]:
    counts: Counter[tuple[str, str, str]] = Counter()
    tones: dict[tuple[str, str, str], str] = {}
    for event in events:
        resource = "/".join(part for part in (event.resource, event.subresource) if part)
        key = (event.verb, resource, badge(event).text)
        counts[key] += 1
        tones[key] = badge(event).tone
    for key, count in counts.most_common():
        verb, resource, word = key
        about = f" resource:{quote(resource)}" if resource else ""
        text = f"{word} {resource or 'paths outside of resources'}"
        yield Tally(shown(text), query=f"{actor.query} verb:{quote(verb)}{about}", tone=tones[key]), count


def _objects(events: list[Event]) -> Iterator[tuple[Tally, int]]:
    counts = Counter(
        place for event in events
        if event.verb in _CHANGING and (event.code or 0) < 400 and (place := place_of(event))
    )
    for place, count in counts.most_common():
        where = f" in {place.namespace}" if place.namespace else ""
        yield Tally(shown(f"{place.resource} {place.name}{where}"), place=place), count


def _bindings(actor: Actor, events: list[Event]) -> Iterator[tuple[Tally, int]]:
    counts: Counter[str] = Counter()
    for event in events:
        groups = () if event.impersonated_user else event.user_groups
        found = parse_reason(event.decision, event.reason, groups) if event.decision == "allow" else None
        if found and found.binding:
            where = f" in {found.binding_namespace}" if found.binding_namespace else ""
            role = "" if found.role_kind == found.binding_kind else f" → {found.role}"
            counts[f"{found.binding_kind} {found.binding}{where}{role}"] += 1
        elif found:
            counts["system:masters: no rule asked" if "system:masters" in groups else "Without a reason"] += 1
    yield from ((Tally(shown(text)), count) for text, count in counts.most_common())


def _credentials(portrait: Portrait) -> Iterator[tuple[Tally, int]]:
    """Count each credential with the address that it came from: a stolen one shows up at a second address."""
    counts = Counter(
        (text, event.session, event.source_ip) for event, traits in portrait.sample
        for key in CREDENTIALS for text in traits.extra.get(key, ())
    )
    for (text, session, address), count in counts.most_common():
        query = f"{portrait.actor.query} ip:{quote(address)} body:{quote(text)}"
        of = f" (session {session})" if session else ""
        yield Tally(shown(f"{text}{of} from {address}" if address else f"{text}{of}"), query=query), count


def _dated(title: str, field: str, portrait: Portrait, pairs: list[tuple[str, int]]) -> Group:
    """List values with the last day on which each was seen, the newest first."""
    newest = newest_day_of(pairs)
    tallies = tuple(
        Tally(shown(text, longest=120), write_day(day), f"{portrait.actor.query} {field}:{quote(text)}")
        for text, day in newest[:MOST_SHOWN]
    )
    return Group(title, tallies, "last received", len(newest) - len(tallies))


def _people(title: str, actor: Actor, pairs: list[tuple[str, int]]) -> Group:
    newest = newest_day_of(pairs)
    tallies = tuple(
        Tally(shown(name_actor(name)), write_day(day), actor=Actor(actor.cluster, name))
        for name, day in newest[:MOST_SHOWN]
    )
    return Group(title, tallies, "last received", len(newest) - len(tallies))


def newest_day_of(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Give each text but the empty one with the newest of its days, the newest first."""
    days: dict[str, int] = {}
    for text, day in pairs:
        if text:
            days[text] = max(day, days.get(text, 0))
    return sorted(days.items(), key=lambda pair: (-pair[1], pair[0]))


def write_day(day: int) -> str:
    """Write a day, counted since the epoch."""
    return f"{EPOCH + timedelta(days=day):%Y-%m-%d}"


def draw(activity: Activity) -> Calendar:
    """Place the hours in which the actor was active; an hour is the hotter, the more of its six windows were."""
    hours = Counter(window // WINDOWS_AN_HOUR for window in activity.windows)
    cells = tuple(_cells(activity, hours))
    busy = {hour // 24 for hour in hours}
    days = tuple(
        (offset * CELL, f"{EPOCH + timedelta(days=activity.first_day + offset):%-d %b}")
        for offset in range(0, activity.days, 7)
    )
    summary = f"Active on {len(busy)} of the last {activity.days} days"
    if hours:
        usual = Counter(hour % 24 for hour in hours).most_common(1)[0][0]
        summary += f", most often between {usual:02d}:00 and {(usual + 1) % 24:02d}:00 UTC"
    marks = tuple((hour * CELL, f"{hour:02d}") for hour in range(0, 24, 6))
    return Calendar(cells, days, marks, activity.days * CELL, 24 * CELL, summary)


def _cells(activity: Activity, hours: Counter[int]) -> Iterator[Cell]:
    for offset in range(activity.days):
        day = activity.first_day + offset
        for hour in range(24):
            windows = hours[day * 24 + hour]
            if windows:
                when = EPOCH + timedelta(days=day, hours=hour)
                title = f"{when:%a %-d %b %H:00} UTC: active in {windows} of 6 ten-minute windows"
                yield Cell(offset * CELL, hour * CELL, -(-windows * 4 // WINDOWS_AN_HOUR), title)
