"""What the client takes from the environment: folders, kubeconfig and the terminal; urllib reads the proxies itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

LONGEST_KUBECONFIG: Final = 4 * 1024**2


def configuration_folder() -> Path:
    """Return the folder of the user's settings (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".config") / "audit-webhook"


def kube_context() -> str:
    """Return the current context of kubectl; empty when there is none.

    kubectl takes it from the first file in ``KUBECONFIG`` that names one. It is a plain line at the top level, so that
    no parser of YAML is needed to find it.
    """
    for path in _kubeconfigs():
        try:
            text = path.read_bytes()[:LONGEST_KUBECONFIG].decode("utf-8", "replace")
        except OSError:
            continue
        for line in text.splitlines():
            key, colon, value = line.partition(":")
            if colon and key.strip('"') == "current-context" and (found := value.split(" #")[0].strip().strip("\"'")):
                return found
    return ""


def _kubeconfigs() -> list[Path]:
    named = [Path(name) for name in os.environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    return named or [Path.home() / ".kube" / "config"]


def wants_colour() -> bool:
    """Return whether colours are welcome on a terminal (no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") != "dumb"


def pager() -> str:
    """Return the pager's command; empty for none."""
    return os.environ.get("PAGER", "less -FRX")
