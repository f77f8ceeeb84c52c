-- How often what occurs, for histogram and facets, and the searches that people saved. Every statement may be run again.
-- A row of tallies is one chunk's, written with the chunk, or the sum of a cluster's day; audit_webhook/tally.py packs
-- and reads them. `chunks` is how many chunks a sum holds, and 0 in the row of a single chunk.

CREATE TABLE IF NOT EXISTS tallies (
    id      BLOB NOT NULL PRIMARY KEY,
    cluster TEXT NOT NULL,
    chunks  INTEGER NOT NULL,
    events  INTEGER NOT NULL,
    content BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS untallied (
    chunk_id BLOB NOT NULL PRIMARY KEY
);

INSERT INTO untallied (chunk_id)
SELECT k.id FROM chunks k
WHERE NOT EXISTS (SELECT 1 FROM tallies t) AND NOT EXISTS (SELECT 1 FROM untallied u WHERE u.chunk_id = k.id);

CREATE TABLE IF NOT EXISTS saved_searches (
    id      BLOB NOT NULL PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    query   TEXT NOT NULL,
    columns TEXT NOT NULL,
    saved   INTEGER NOT NULL
);
