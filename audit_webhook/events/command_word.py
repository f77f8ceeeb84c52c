"""Names the kubectl command behind a request in one word, where the request alone gives it away.

The evidence, in this order: the field manager (kubectl's commands name theirs ``kubectl-<command>``,
k8s.io/kubectl pkg/cmd), the subresource, the verb.
"""

from __future__ import annotations

from typing import Final

from audit_webhook.events.api_resources import find
from audit_webhook.events.user_agents import OLD_KUBECTL

_MANAGERS: Final = {"client-side-apply": "apply", "last-applied": "apply", "rollout": "rollout"}
CORDON: Final = "cordon"
UNCORDON: Final = "uncordon"
_APPLIES: Final = "kubectl"  # the manager of server-side apply
_REVIEWS: Final = frozenset({"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"})
_SUBRESOURCES: Final = {
    "exec": "exec",
    "attach": "attach",
    "portforward": "port-forward",
    "log": "logs",
    "scale": "scale",
    "eviction": "drain",
    "ephemeralcontainers": "debug",
    "approval": "certificate",
    "token": "create",
    "proxy": "get",
    "status": "get",
}
_OF_ANY: Final = frozenset({"scale", "status", "proxy"})
_VERBS: Final = {
    "get": "get",
    "list": "get",
    "watch": "get",
    "create": "create",
    "update": "replace",
    "patch": "patch",
    "delete": "delete",
    "deletecollection": "delete",
}


def command_of(client: str, verb: str, group: str, resource: str, subresource: str, manager: str) -> str:
    """Return the command's first word, such as ``apply`` or ``exec``; empty when kubectl did not send the request.

    ``client`` is the program as `client.program_of` names it: before 1.18 the lack of a field manager says nothing.
    """
    if client not in ("kubectl", OLD_KUBECTL) or not resource:
        return ""
    if manager.startswith("kubectl-"):
        word = manager.removeprefix("kubectl-")
        return _MANAGERS.get(word, word)[:32]
    if manager == _APPLIES and verb == "patch":
        return "apply"
    is_own = find(group, resource) is not None
    if is_own and resource in _REVIEWS:
        return "auth"
    if is_own and resource == "nodes" and verb == "patch" and not manager and client != OLD_KUBECTL:
        return CORDON  # or uncordon: only the body tells, see `bodies.is_uncordon`
    if subresource:
        return _SUBRESOURCES.get(subresource, "") if is_own or subresource in _OF_ANY else ""
    return _VERBS.get(verb, "")
