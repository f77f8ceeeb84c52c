"""``audit-webhook serve``, ``doctor``, ``migrate`` and ``prune``."""
