"""``audit-webhook alerts`` and ``rules``."""
