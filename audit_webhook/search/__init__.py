"""Finding events: the feed, cards, histogram, facets, live updates, export, saved searches, and the event page.

`compile_query` turns text into a search, `search` walks the chunks that may match, newest first; `cards` groups
requests into commands, `feed` pages them, `feed_view` and `event_rows` make them safe to show. `histogram` counts what
matches, `event` tells one event's story. `completeness` says when an answer may leave something out.

This room imports `query`, `humanize`, `kubectl`, `access`, `storage`, `events` and `web`.
"""
