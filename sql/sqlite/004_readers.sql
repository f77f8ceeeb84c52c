-- Who is logged in, with which tokens programs read, and what was read. Every statement may be run again.
-- The ids of sessions and tokens are hashes of what the reader holds; that of a reading begins with its time.

CREATE TABLE IF NOT EXISTS reader_sessions (
    id        BLOB    NOT NULL PRIMARY KEY,
    username  TEXT    NOT NULL,
    is_secure INTEGER NOT NULL,
    made      INTEGER NOT NULL,
    seen      INTEGER NOT NULL,
    peer      TEXT    NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS reader_tokens (
    id       BLOB    NOT NULL PRIMARY KEY,
    username TEXT    NOT NULL,
    label    TEXT    NOT NULL,
    made     INTEGER NOT NULL,
    ends     INTEGER NOT NULL,
    used     INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS readings (
    id       BLOB    NOT NULL PRIMARY KEY,
    username TEXT    NOT NULL,
    way      TEXT    NOT NULL,
    peer     TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    target   TEXT    NOT NULL,
    status   INTEGER NOT NULL
) WITHOUT ROWID;
