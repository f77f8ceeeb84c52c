"""All families of commands; importing this module registers what they can tell."""

from __future__ import annotations

from typing import Final

from audit_webhook.kubectl import (
    access, applying, changing, creating, debugging, deleting, nodes, raw, reads, running, sessions, setting,
)

LOADED: Final = (
    access, applying, changing, creating, debugging, deleting, nodes, raw, reads, running, sessions, setting,
)
