"""``audit-webhook import``, ``import-losses`` and ``quarantine``."""
