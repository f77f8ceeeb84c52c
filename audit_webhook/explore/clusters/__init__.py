"""Each cluster at a glance: whether it sends, how much, and what its audit policy hides or wastes."""
