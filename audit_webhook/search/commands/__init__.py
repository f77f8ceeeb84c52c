"""``audit-webhook search``, ``tail`` and ``explain``."""
