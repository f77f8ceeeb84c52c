"""``audit-webhook user``."""
