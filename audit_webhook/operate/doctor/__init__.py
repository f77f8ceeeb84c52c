"""Looks for what is wrong with an installation, and says what to do about each: ``audit-webhook doctor``.

Each module looks at one thing and gives findings. Nothing is created or changed but for a file in the spool, which is
removed at once.
"""

from __future__ import annotations

from audit_webhook.operate.doctor.examine import examine, settings_refused
from audit_webhook.operate.doctor.finding import Finding, worst

__all__ = ["Finding", "examine", "settings_refused", "worst"]
