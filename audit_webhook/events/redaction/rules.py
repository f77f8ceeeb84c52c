"""What somebody wants masked beside what is built in: a list of resources and of paths in their objects.

Each line of the list names a resource and, after blanks, a path in the bodies of its requests and answers::

    configmaps                    /data/*
    databases.shop.example.com    /spec/credentials/password
    pods                          /spec/containers/*/env/*/value
    *                             /**/apiKey

A resource is a plural as in an event's objectRef, with its API group after a dot or in every group without, and with a
subresource after a slash or with all of them without; ``*`` is every resource. A path is a JSON Pointer (RFC 6901) in
which ``*`` is any one step, ``**`` any number of steps, and a number any element of a list, because a patch may give
an element another place. Names are compared without case. Empty lines and those that begin with ``#`` say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

ANY: Final = "*"
ANY_DEPTH: Final = "**"
ELEMENT: Final = "-"
COPY: Final = "\0copy"
MOST_RULES: Final = 500
LONGEST_PATH: Final = 64
REMEMBERED: Final = 1024
LONGEST_REMEMBERED: Final = 1024
_RESOURCE: Final = re.compile(r"(\*|[a-z0-9-]{1,63})(?:\.([a-z0-9.-]{1,253}))?(?:/([a-z0-9-]{1,63}))?", re.ASCII)
_METADATA_COPIES: Final = ("metadata", "annotations")
COPIES: Final = frozenset({"kubectl.kubernetes.io/last-applied-configuration", "objectset.rio.cattle.io/applied"})
# Where an answer holds further objects of the resource: a list, and a table as kubectl asks for it.
_LISTED: Final = (("items", ANY), ("rows", ANY, "object"))

Path = tuple[str, ...]
Paths = frozenset[Path]
NO_PATHS: Final[Paths] = frozenset()


class Rule(NamedTuple):
    """A path to mask in the objects of a resource; an empty group or subresource stands for all of them."""

    resource: str
    group: str
    subresource: str
    path: Path

    def is_about(self, resource: str, group: str, subresource: str) -> bool:
        """Tell whether an event about this resource is meant."""
        return (
            self.resource in (ANY, resource)
            and self.group in ("", group)
            and self.subresource in ("", subresource)
        )


class RuleBook:
    """All rules, ready to be asked for each event."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Take the rules; the answers for the few resources of a cluster are remembered."""
        self._rules: Final = tuple(rules)
        self._known_paths: Final = lru_cache(maxsize=REMEMBERED)(self._find_paths)
        self.telltale: Final = _telltale(self._rules)

    def paths_of(self, resource: str, group: str, subresource: str) -> Paths:
        """Return the paths to mask in the bodies of an event about this resource."""
        is_short = len(resource) + len(group) + len(subresource) <= LONGEST_REMEMBERED
        return (self._known_paths if is_short else self._find_paths)(resource, group, subresource)

    def _find_paths(self, resource: str, group: str, subresource: str) -> Paths:
        """Give the paths to mask in an event's bodies, those in lists and in copies of the object among them."""
        paths = [rule.path for rule in self._rules if rule.is_about(resource, group, subresource)]
        if not paths:
            return NO_PATHS
        wanted: list[Path] = [*paths, *((*_METADATA_COPIES, name, COPY) for name in COPIES)]
        return frozenset(wanted + [(*way, *path) for way in _LISTED for path in wanted])


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Read a list of rules; raises ValueError that names each bad line and what is wrong with it."""
    rules: list[Rule] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split(maxsplit=1)
        if not words or words[0].startswith("#"):
            continue
        try:
            rules.append(_read_rule(words[0], words[1].rstrip() if len(words) > 1 else ""))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if len(rules) > MOST_RULES:
        problems.append(f"it holds {len(rules)} rules, and {MOST_RULES} are the most")
    if problems:
        raise ValueError("; ".join(problems))
    if not rules:
        raise ValueError("it holds no rule: name a resource and a path on each line, such as `configmaps /data/*`")
    return tuple(rules)


def advance(paths: Paths, step: str) -> Paths:
    """Give what is left of the paths behind one step; an empty one among them means that all of it is meant."""
    left: set[Path] = set()
    for path in paths:
        if path[0] == ANY_DEPTH:
            left.add(path)
            path = path[1:]
        if path[0] in (ANY, step) or (path[0] == ELEMENT and step.isdecimal()):
            left.add(path[1:])
    return frozenset(left)


def follow(paths: Paths, steps: Iterable[str]) -> Paths:
    """Give what is left of the paths behind some steps; it ends where all of a value is meant."""
    for step in steps:
        if () in paths:
            break
        paths = advance(paths, step)
    return paths


def _read_rule(target: str, pointer: str) -> Rule:
    found = _RESOURCE.fullmatch(target)
    if found is None:
        raise ValueError(f"{target[:80]!r} is no resource, such as configmaps, deployments.apps, pods/exec or *")
    if not pointer:
        raise ValueError(f"after {target} a path is missing, such as /data/*")
    return Rule(found[1], found[2] or "", found[3] or "", _read_path(pointer))


def _read_path(pointer: str) -> Path:
    if not pointer.startswith("/"):
        raise ValueError(f"{pointer[:80]!r} is no path: one begins with / and has a / between its steps, as in /data/*")
    steps = pointer[1:].split("/")
    if "" in steps:
        raise ValueError(f"{pointer[:80]!r} has an empty step")
    if re.search("~(?![01])", pointer):
        raise ValueError(f"{pointer[:80]!r} has a ~ that is neither ~0 (a ~) nor ~1 (a /)")
    if steps[-1] == ANY_DEPTH or (ANY_DEPTH, ANY_DEPTH) in zip(steps, steps[1:], strict=False):
        raise ValueError(f"{pointer[:80]!r}: after ** there must be a name or *")
    if len(steps) > LONGEST_PATH:
        raise ValueError(f"the path has {len(steps)} steps, and {LONGEST_PATH} are the most")
    return tuple(ELEMENT if step.isdecimal() else _name(step) for step in steps)


def _name(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~").casefold()


def _telltale(rules: Iterable[Rule]) -> re.Pattern[bytes]:
    """Give what is looked for in bytes that are no event: the last name of each path, or an escape that may hide it.

    A path without a name may lead to anything.
    """
    wild = (ANY, ANY_DEPTH, ELEMENT)
    names = {next((step for step in reversed(rule.path) if step not in wild), "") for rule in rules}
    return re.compile(rb"\\u|" + b"|".join(re.escape(name.encode()) for name in sorted(names)), re.IGNORECASE)
