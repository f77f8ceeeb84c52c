"""What people do with alerts: find, acknowledge, close, reopen, assign and note; all of it is recorded."""

from __future__ import annotations

import os
import re
from typing import Final, NamedTuple

from audit_webhook.alerts.notifications.outbox import Outbox
from audit_webhook.alerts.rule import SEVERITIES
from audit_webhook.errors import InvalidParameter
from audit_webhook.storage.alert_store import LONGEST, STATES, Alert, AlertStore, Note

MICROSECONDS_A_DAY: Final = 86_400_000_000
AHEAD: Final = 366 * MICROSECONDS_A_DAY
"""Events of clocks that are ahead are listed too."""
ACTIONS: Final = {"acknowledge": "acknowledged", "close": "closed", "reopen": "open"}
NOTED: Final = ("note", "assign")
_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NAME: Final = re.compile(r"[!-~]{0,64}", re.ASCII)


class Choice(NamedTuple):
    """Which alerts to list; an empty text stands for any, ``active`` as a state for those that are not closed."""

    days: int = 30
    state: str = ""
    severity: str = ""
    rule: str = ""
    cluster: str = ""
    actor: str = ""


def read_alert_id(text: str) -> bytes:
    """Read an alert's id; raises InvalidParameter."""
    if not _ID.fullmatch(text):
        raise InvalidParameter("an alert's id is 32 hexadecimal digits")
    return bytes.fromhex(text)


def list_alerts(store: AlertStore, choice: Choice, limit: int, now: int) -> list[Alert]:
    """Return the chosen alerts, newest first; raises InvalidParameter."""
    chosen: dict[str, list[str | int]] = {
        name: [value] for name, value in (
            ("rule", choice.rule), ("cluster", choice.cluster), ("actor", choice.actor)
        ) if value
    }
    if choice.state:
        if choice.state not in (*STATES, "active"):
            raise InvalidParameter(f"state is one of {', '.join(STATES)} or active")
        chosen["state"] = list(STATES[:2]) if choice.state == "active" else [choice.state]
    if choice.severity:
        if choice.severity not in SEVERITIES:
            raise InvalidParameter(f"severity is one of {', '.join(SEVERITIES)}")
        chosen["severity"] = list(range(SEVERITIES.index(choice.severity), len(SEVERITIES)))
    return store.list_alerts(now - choice.days * MICROSECONDS_A_DAY, now + AHEAD, limit, chosen)


def change(
    store: AlertStore, alert: Alert, action: str, text: str, reader: str, now: int, outbox: Outbox | None = None
) -> Alert:
    """Do something to an alert, record who did it, and return the alert as it is then; raises InvalidParameter.

    ``text`` is the reason, the note, or the name of whom the alert is assigned to. The outbox takes the messages about
    an alert that is closed or opened again.
    """
    text = text.strip()
    if len(text.encode("utf-8", "replace")) > LONGEST["reason"]:
        raise InvalidParameter(f"a reason or note has at most {LONGEST['reason']:,} bytes")
    if action in ("close", "note") and not text:
        raise InvalidParameter("A reason is needed." if action == "close" else "A note is needed.")
    if action == "assign" and not _NAME.fullmatch(text):
        raise InvalidParameter("an assignee is a name of at most 64 visible characters, or nothing")
    if action not in ACTIONS and action not in NOTED:
        raise InvalidParameter(f"an action is one of {', '.join((*ACTIONS, *NOTED))}")
    changed = _changed(alert, action, text, now)
    note = Note(os.urandom(16), alert.id, now, reader, ACTIONS.get(action, action), text)
    if outbox is not None and (alert.state == "closed") != (changed.state == "closed"):
        store.set_state(changed, note, lambda cursor: outbox.tell_change(cursor, changed, now))
    else:
        store.set_state(changed, note)
    return changed


def _changed(alert: Alert, action: str, text: str, now: int) -> Alert:
    if action in ACTIONS:
        return alert._replace(state=ACTIONS[action], reason=text, changed=now)
    if action == "assign":
        return alert._replace(assignee=text, changed=now)
    return alert._replace(changed=now)
