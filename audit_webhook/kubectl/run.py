"""The requests of one run of a command, in the order in which they came in."""

from __future__ import annotations

from collections.abc import Sequence

from audit_webhook.kubectl.request import Request

Thing = tuple[str, str, str, str]


class Run:
    """Requests that are taken for one command; never empty."""

    __slots__ = (
        "_main", "committed", "deeds", "doubts", "end", "pace", "preludes", "reads", "requests", "seen", "start",
        "touched",
    )

    def __init__(self, *requests: Request) -> None:
        """Start with these requests."""
        self.keep(requests)

    def keep(self, requests: Sequence[Request]) -> None:
        """Hold these requests and no others."""
        self.requests: list[Request] = []
        self.reads: list[Request] = []
        self.deeds: list[Request] = []
        self.preludes: list[Request] = []
        self.touched: set[Thing] = set()
        self.seen: set[Thing] = set()
        self.start = requests[0].start if requests else 0
        self.end = 0
        self.pace = 0
        self.doubts: list[str] = []
        self.committed = 0
        self._main: Request | None = None
        for request in requests:
            self.add(request)

    def add(self, request: Request, is_sure: bool = True) -> None:
        """Add a request; one that is not sure may be taken away again by what follows."""
        if self.requests and self.requests[-1].role != "prelude":
            gap = max(1, request.start - self.end)
            self.pace = min(self.pace or gap, gap)
        self.requests.append(request)
        self._main = None
        self.end = max(self.end, request.end)
        if request.role == "prelude":
            self.preludes.append(request)
        elif request.role == "read":
            self.reads.append(request)
            self.seen.add(request.thing)
        else:
            self.deeds.append(request)
            self.touched.add(request.thing)
        if is_sure:
            self.committed = len(self.requests)

    def precede(self, other: Run) -> None:
        """Put the requests of another run before those of this one, which several commands may then have sent."""
        self.keep([*other.requests, *self.requests])
        self.doubt("whether the first reads belong to it")

    def doubt(self, why: str) -> None:
        """Note why the requests may be of several commands: what is told of them is likely at most."""
        if why not in self.doubts:
            self.doubts.append(why)

    @property
    def deed(self) -> Request | None:
        """The last write or session; None when there were only reads."""
        return self.deeds[-1] if self.deeds else None

    @property
    def main(self) -> Request:
        """The request that tells most: the first deed, else the first read, else the last prelude.

        Where an object was deleted to be made anew, the making tells more.
        """
        if self._main is None:
            self._main = self._choose()
        return self._main

    def _choose(self) -> Request:
        if self.deeds and self.deeds[0].event.verb == "delete":
            return next((deed for deed in self.deeds if deed.event.verb == "create"), self.deeds[0])
        return self.deeds[0] if self.deeds else self.reads[0] if self.reads else self.preludes[-1]

    @property
    def is_open(self) -> bool:
        """Whether a session or a watch of it is still going on."""
        return any(request.is_open for request in self.requests)

    @property
    def is_kubectl(self) -> bool:
        """Whether kubectl says to have sent it."""
        return self.main.is_kubectl

    @property
    def has_openapi(self) -> bool:
        """Whether the API's schema was read, as kubectl does before it sends what is in files."""
        return any(request.path.startswith("/openapi/") for request in self.preludes)

    def lists(self, resource: str = "", before: Request | None = None) -> list[Request]:
        """Give the lists without a name, of a resource when given, that came before a request when given."""
        return [
            read for read in self.reads
            if read.event.verb == "list" and not read.event.name
            and resource in ("", read.event.resource) and (before is None or read.start <= before.start)
        ]

    def look_at(self, thing: Thing) -> Request | None:
        """Give the read of one object, preferably one with its answer."""
        found = [read for read in self.reads if read.thing == thing and read.event.verb == "get"]
        return next((read for read in found if isinstance(read.response, dict)), found[0] if found else None)

    def gets(self) -> list[Request]:
        """Give the reads of single objects, checks of the namespace after a failed one left out."""
        missed = {
            read.event.namespace for read in self.requests
            if read.event.code == 404 and read.event.resource != "namespaces"
        }
        return [
            read for read in self.reads
            if read.event.verb == "get"
            and not (read.event.resource == "namespaces" and read.event.name in missed and not read.event.subresource)
        ]
