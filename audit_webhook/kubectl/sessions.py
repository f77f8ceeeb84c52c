"""Commands that talk with a running container: exec, cp, attach, port-forward, logs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.objects import add_chosen, checked, slashed
from audit_webhook.kubectl.registry import command
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run

# kubectl pkg/cmd/cp: how the two sides run tar.
_OUT: Final = ("tar", "cf", "-")
_IN: Final = ("tar", "-xmf", "-")
_RESUMED: Final = re.compile(r"tar cf - '?(?P<path>[^']*?)'? \| tail -c\+\d+", re.DOTALL)
_NO_PRESERVE: Final = ("--no-same-permissions", "--no-same-owner")
_DEFAULT_TAIL: Final = "10"


@command("get", "create", resource="pods", subresource="exec")
def execute(run: Run) -> Line | None:
    """Tell ``exec``, or ``cp`` when it is what cp runs."""
    words = run.deeds[0].parameters.get("command", [])
    if line := _copy(run, run.deeds):
        return line
    line = Line("exec").add(_target(run))
    _add_streams(line, run.main)
    line.because("subresource exec")
    return line.tail(words) if words else line.lacks("the command")


def _target(run: Run) -> str:
    """Give the pod, or the workload through which it was found: read before, then its pods listed."""
    pod = run.main.event
    if run.lists("pods", run.main):
        for read in run.gets():
            if read.event.resource != "pods" and read.event.namespace == pod.namespace and not read.event.subresource:
                return slashed(read.event)
    name = checked(pod.name)
    return slashed(pod) if name.startswith("-") else name


def _add_streams(line: Line, request: Request) -> None:
    if request.is_set("stdin"):
        line.short("-i")
    if request.is_set("tty"):
        line.short("-t")
    _add_container(line, request)


def _add_container(line: Line, request: Request) -> None:
    if container := request.parameter("container"):
        line.flag("container", container) if container.startswith("-") else line.short("-c", container)
        line.lacks("whether -c was typed: kubectl always names a container")


def _copy(run: Run, deeds: Sequence[Request]) -> Line | None:
    """Tell ``cp``: tar in the container, before it a test whether the target is a folder."""
    commands = [request.parameters.get("command", []) for request in deeds]
    pod, namespace = checked(run.main.event.name), run.main.event.namespace
    tested = commands[0][2] if commands[0][:2] == ["test", "-d"] and len(commands[0]) == 3 else None
    unpacking = next((words for words in commands if _unpacks(words)), None)
    line = Line("cp")
    if tested is not None and (len(deeds) == 1 or unpacking):
        line.add("<file>", f"{namespace}/{pod}:{tested}").lacks("the local file")
        line.because("test -d, then tar -xmf, as cp runs them")
        if len(deeds) == 1:
            return None
        if unpacking and unpacking[1:3] == list(_NO_PRESERVE):
            line.flag("no-preserve")
    elif (source := _source(commands[0])) and not run.main.is_set("stdin") and not run.main.is_set("tty"):
        line.add(f"{namespace}/{pod}:{source}", "<file>").lacks("the local file").because("tar cf -, as cp runs it")
        if is_resumed(run.main):
            line.flag("retries", max(1, len(deeds) - 1)).lacks("how many --retries were allowed")
        else:
            line.guess("whether exec was run with tar")
    else:
        return None
    line.has_namespace = False
    _add_container(line, run.main)
    return line


def _unpacks(words: Sequence[str]) -> bool:
    plain = tuple(word for word in words if word not in _NO_PRESERVE)
    return plain[:3] == _IN


def is_resumed(request: Request) -> bool:
    """Whether an exec is a part of a copy that may be resumed, which nothing but ``cp --retries`` sends."""
    words = request.parameters.get("command", [])
    return len(words) == 3 and words[:2] == ["sh", "-c"] and _RESUMED.fullmatch(words[2]) is not None


def _source(words: Sequence[str]) -> str:
    if len(words) == 4 and tuple(words[:3]) == _OUT:
        return words[3]
    resumed = _RESUMED.fullmatch(words[2]) if len(words) == 3 and list(words[:2]) == ["sh", "-c"] else None
    return resumed["path"] if resumed else ""


@command("get", "create", resource="pods", subresource="attach")
def attach(run: Run) -> Line | None:
    """Tell ``attach``."""
    line = Line("attach").add(_target(run)).because("subresource attach")
    _add_streams(line, run.main)
    return line


@command("get", "create", resource="pods", subresource="portforward")
def forward(run: Run) -> Line | None:
    """Tell ``port-forward``; the ports are only in the connection itself."""
    line = Line("port-forward").add(_target(run), ":PORT").because("subresource portforward")
    return line.lacks("the ports")


@command("get", resource="pods", subresource="log")
def logs(run: Run) -> Line | None:
    """Tell ``logs``, or the raw path when kubectl did not look at the pod before."""
    logged = [deed for deed in run.deeds if deed.event.subresource == "log"]
    first = logged[0]
    line = Line("logs").because("subresource log")
    chosen = run.lists("pods", first)
    target = _target(run)
    pods = {request.event.name for request in logged}
    if chosen and target == first.event.name:
        add_chosen(line, chosen[0])
    else:
        line.add(target)
        if len(pods) > 1:
            line.flag("all-pods")
    if len({request.parameter("container") for request in logged}) > 1:
        line.flag("all-containers")
    else:
        _add_container(line, first)
    _add_log_flags(line, first, has_selector=not line.arguments)
    if not run.reads and first.is_kubectl:
        is_raw = first.event.level == "RequestResponse"  # then reads are recorded too, and logs would have left one
        line.guess("whether get --raw was run: no look at the pod was recorded before")
        return is_raw and _raw_log(run) or line
    return line.lacks("--prefix and --ignore-errors")


def _raw_log(run: Run) -> Line | None:
    if len(run.deeds) != 1:
        return None
    line = Line("get").flag("raw", run.main.uri).because("subresource log without a look at the pod")
    line.common = False
    return line.guess("whether logs was run and its first read is missing")


def _add_log_flags(line: Line, request: Request, has_selector: bool) -> None:
    for name, flag in (("follow", "follow"), ("previous", "previous"), ("timestamps", "timestamps")):
        if request.is_set(name):
            line.flag(flag)
    tail = request.parameter("tailLines")
    if has_selector:
        line.flag("tail", tail or "-1") if tail != _DEFAULT_TAIL else line.lacks("whether --tail=10 was typed")
    else:
        line.flag_if("tail", tail)
    if since := request.parameter("sinceSeconds"):
        line.flag("since", duration(since))
    line.flag_if("since-time", request.parameter("sinceTime"))
    line.flag_if("limit-bytes", request.parameter("limitBytes"))
    if request.is_set("insecureSkipTLSVerifyBackend"):
        line.flag("insecure-skip-tls-verify-backend")


def duration(seconds: str) -> str:
    """Give seconds as people write them for Go: ``5m`` for 300."""
    if not seconds.isdecimal() or not seconds.isascii() or len(seconds) > 12 or not int(seconds):
        return f"{seconds}s"
    number = int(seconds)
    for unit, name in ((3600, "h"), (60, "m")):
        if number % unit == 0:
            return f"{number // unit}{name}"
    return f"{number}s"
