"""``python -m audit_webhook`` is the same as ``audit-webhook``."""

import sys

from audit_webhook.cli import main

sys.exit(main())
