"""``verify``: checkpoints, seals, content and tables, in this order; start with `verify`."""
