"""Where kube-apiservers reach this server, and how a shell takes that from the kubeconfig that they will read."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

UNKNOWN_PORT: Final = (
    "PUBLIC_URL is not set, so the address below is the one of this page. Behind a proxy, batches often have a port of "
    "their own (8443 with deploy/nginx): correct the address here, or set PUBLIC_URL on the server."
)


def with_port(url: str, port: int) -> str:
    """Return an address with another port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{port}"


def read_kubeconfig(is_over_tls: bool, path: str) -> list[str]:
    """Return the beginning of a command that takes address, token and authority from a kubeconfig of `/setup`."""
    parts = [f"F={path}; curl -sS -i", '"$(sed -n \'s/^ *server: "\\(.*\\)"$/\\1/p\' $F)"']
    if is_over_tls:
        parts.append("$(sed -n 's/^ *certificate-authority: /--cacert /p' $F)")
        parts.append('-H "Authorization: Bearer $(sed -n \'s/^ *token: "\\(.*\\)"$/\\1/p\' $F)"')
    return parts
