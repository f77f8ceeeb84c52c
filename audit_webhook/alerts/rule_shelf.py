"""Keeps the rules in use, and reads them again when a file of ``RULES_DIR`` has changed.

A file that cannot be read takes nothing away: the rules stay as they were, and what is wrong is said.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final

from audit_webhook.alerts.rule import Rule
from audit_webhook.alerts.rule_files import RuleError, read_rules

logger: Final = logging.getLogger(__name__)

Stamp = tuple[tuple[str, int, int], ...]


class RuleShelf:
    """The rules of this process; ``trouble`` is what is wrong with the files, empty when nothing is."""

    def __init__(self, folder: str) -> None:
        """Read nothing yet; ``folder`` is RULES_DIR and may be empty."""
        self._folder: Final = folder
        self._lock = threading.Lock()
        self._rules: tuple[Rule, ...] | None = None
        self._stamp: Stamp = ()
        self.trouble = ""

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules as the files hold them now, or as they were when the files can no longer be read."""
        with self._lock:
            stamp = _stamp_of(self._folder)
            if self._rules is None or stamp != self._stamp:
                self._stamp = stamp
                self._read()
            return self._rules or ()

    def find(self, identifier: str) -> Rule | None:
        """Return the rule with an id, None when there is none."""
        return next((rule for rule in self.rules() if rule.id == identifier), None)

    def _read(self) -> None:
        try:
            self._rules = tuple(read_rules(self._folder))
            self.trouble = ""
        except RuleError as error:
            self.trouble = str(error)
            logger.error("the rules of RULES_DIR are not used: %s", error)
            if self._rules is None:
                self._rules = tuple(read_rules(""))


def _stamp_of(folder: str) -> Stamp:
    """Return what changes whenever a file of rules does."""
    found = []
    for path in sorted(Path(folder).glob("*.toml")) if folder else ():
        try:
            state = path.stat()
        except OSError:
            continue
        found.append((path.name, state.st_mtime_ns, state.st_size))
    return tuple(found)
