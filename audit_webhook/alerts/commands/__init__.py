"""``audit-webhook rules``."""
