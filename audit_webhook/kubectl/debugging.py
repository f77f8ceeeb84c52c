"""The command ``debug`` in its three forms: a container in a pod, a copy of a pod, a pod on a node."""

from __future__ import annotations

import re
from typing import Any, Final

from audit_webhook.kubectl.creating import create_without_manager
from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.objects import checked
from audit_webhook.kubectl.registry import command
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.values import entries, part, text, texts

_NODE_POD: Final = re.compile(r"node-debugger-(?P<node>.+)-[a-z0-9]{5}")
_OWN_NAME: Final = re.compile(r"debugger(-[a-z0-9]{5})?")
# kubectl pkg/cmd/debug/profiles.go: what a profile adds to the container.
_NETWORK: Final = {"NET_ADMIN", "NET_RAW"}


@command("patch", "update", resource="pods", subresource="ephemeralcontainers")
def debug_pod(run: Run) -> Line | None:
    """Tell ``debug`` of a running pod: the last ephemeral container is the new one."""
    first = run.main
    line = Line("debug").add(checked(first.event.name)).because("subresource ephemeralcontainers")
    containers = entries(first.body, "spec", "ephemeralContainers") or entries(first.body, "ephemeralContainers")
    if not containers:
        return line.flag("image", "<image>").guess("--image and all else: the body was not recorded")
    container = containers[-1]
    line.flag("image", text(container, "image"))
    line.flag_if("target", text(container, "targetContainerName"))
    _add_container_flags(line, container)
    return line.lacks("--attach")


def _add_container_flags(line: Line, container: dict[str, Any], has_profile: bool = True) -> None:
    name = text(container, "name")
    if not _OWN_NAME.fullmatch(name):
        line.flag_if("container", name)
    for member, flag in (("stdin", "-i"), ("tty", "-t")):
        if part(container, member) is True:
            line.short(flag)
    for entry in entries(container, "env"):
        line.flag("env", line.assign(text(entry, "name"), text(entry, "value")))
    line.flag_if("image-pull-policy", text(container, "imagePullPolicy") if has_profile else "")
    if has_profile and (profile := _profile(container)):
        line.flag("profile", profile)
    if texts(container, "args"):
        line.flag("arguments-only")
    line.tail(texts(container, "command") or texts(container, "args"))


def _profile(container: dict[str, Any]) -> str:
    """Give the profile that a container's rights are of; empty for the usual one."""
    context = part(container, "securityContext")
    added = set(texts(context, "capabilities", "add"))
    if part(context, "privileged") is True:
        return "sysadmin"
    if part(context, "runAsNonRoot") is True:
        return "restricted"
    return "netadmin" if added & _NETWORK else ""


@command("create", resource="pods")
def debug_with_new_pod(run: Run) -> Line | None:
    """Tell ``debug --copy-to`` or ``debug node/…``: a pod without a field manager, after a look at what it is for."""
    first = run.main
    if not first.is_kubectl or first.manager:
        return create_without_manager(run)
    name = first.event.name or text(first.body, "metadata", "name")
    found = _NODE_POD.fullmatch(name)
    if found and any(read.event.resource == "nodes" for read in run.gets()):
        return _debug_node(run, found["node"])
    original = next((read for read in run.gets() if read.event.resource == "pods"), None)
    return _debug_copy(run, original, name) if original else create_without_manager(run)


def _debug_node(run: Run, node: str) -> Line:
    node = text(run.main.body, "spec", "nodeName") or node
    line = Line("debug").add(f"node/{checked(node)}").because("a pod called node-debugger- after the node")
    containers = entries(run.main.body, "spec", "containers")
    if not containers:
        return line.flag("image", "<image>").guess("--image and all else: the body was not recorded")
    line.flag("image", text(containers[0], "image"))
    _add_container_flags(line, containers[0], has_profile=False)
    if profile := _profile(containers[0]):
        line.flag("profile", profile)
    return line


def _debug_copy(run: Run, original: Request, name: str) -> Line:
    line = Line("debug").add(checked(original.event.name)).flag("copy-to", name)
    line.because("a pod without a field manager, after a look at another one")
    if any(deed.event.verb == "delete" for deed in run.deeds):
        line.flag("replace")
    if not run.main.has_body:
        return line.flag("image", "<image>").guess("--image and all else: the body was not recorded")
    after = {text(each, "name"): each for each in entries(run.main.body, "spec", "containers")}
    before = {text(each, "name"): each for each in entries(original.response, "spec", "containers")}
    if not isinstance(original.response, dict):
        line.guess("what was changed in the copy: the pod that it was made of was not recorded")
        before = {key: each for key, each in after.items() if not _OWN_NAME.fullmatch(key)}
        if len(before) == len(after):
            return line.flag("image", "<image>")
    new = [each for key, each in after.items() if key not in before]
    changed = [
        each for key, each in after.items() if key in before and (
            text(each, "image") != text(before[key], "image") or part(each, "command") != part(before[key], "command")
        )
    ]
    if new:
        if part(run.main.body, "spec", "shareProcessNamespace") is True:
            line.flag("share-processes").lacks("whether --share-processes was typed: it is the default")
        line.flag("image", text(new[0], "image"))
        _add_container_flags(line, new[0], has_profile=False)
    elif len(changed) == 1 and (texts(changed[0], "command") != texts(before[text(changed[0], "name")], "command")):
        line.flag("container", text(changed[0], "name"))
        if text(changed[0], "image") != text(before[text(changed[0], "name")], "image"):
            line.flag("image", text(changed[0], "image"))
        line.tail(texts(changed[0], "command"))
    elif changed:
        images = ",".join(f"{text(each, 'name')}={text(each, 'image')}" for each in changed)
        line.flag("set-image", images).lacks("--set-image, or --container and --image")
    if text(run.main.body, "spec", "nodeName"):
        line.flag("same-node")
    return line.lacks("--attach")
