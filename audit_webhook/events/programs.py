"""Tells programs that people run by hand from those that run by themselves, by the word that a user agent begins with.

A user agent is the client's own word: what it says can be a lie, but a name of the control plane beside the word
``curl`` is one lie less.
"""

from __future__ import annotations

import re
from typing import Final

_HAND_TOOLS: Final = frozenset({
    "kubectl", "kubectl.exe", "oc", "oc.exe", "kubelogin", "k9s", "lens", "openlens", "freelens", "headlamp", "helm",
    "stern", "kubectx", "kubens", "curl", "wget", "httpie", "browser", "postmanruntime", "insomnia", "python",
    "python-requests", "python-urllib", "python-httpx", "aiohttp", "powershell", "windowspowershell", "ruby", "perl",
    "node", "axios", "okhttp", "libwww-perl", "terraform", "ansible", "openapi-generator", "virtctl", "istioctl",
    "argocd", "flux", "kustomize", "kubie", "k8slens", "infra", "insomnium", "burp", "nmap", "nikto", "sqlmap", "zgrab",
    "gobuster", "ffuf", "nuclei", "metasploit", "stratus-red-team", "peirates", "kubeletctl", "kube-hunter", "cdk",
    "kdigger", "kubiscan", "kubescape", "rbac-police", "kubehound", "botb", "minikube", "kind", "xh", "hurl",
})
_KUBECTL_LIKE: Final = re.compile(r"kubectl(?:[-_.\d].*)?|.*[\\/](?:kubectl|oc)(?:\.exe)?")


def is_hand_tool(client: str) -> bool:
    """Return whether a program, named as `client_of` names it, is one that somebody starts by hand or in a script."""
    return client in _HAND_TOOLS or _KUBECTL_LIKE.fullmatch(client) is not None
