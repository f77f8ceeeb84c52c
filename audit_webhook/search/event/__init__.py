"""One event: its story, its facts, its bodies as trees, the command behind it, and who is behind a controller."""
