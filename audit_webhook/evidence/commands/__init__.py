"""``audit-webhook verify`` and ``accept-history``."""
