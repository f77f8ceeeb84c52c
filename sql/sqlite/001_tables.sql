-- The tables of the first release. Every statement may be run again.
-- TEXT compares byte by byte here (collation BINARY), as VARBINARY does in sql/mysql.
-- Ids of events and chunks begin with their time in milliseconds, so that a range of ids is a range of time.

CREATE TABLE IF NOT EXISTS events (
    id           BLOB NOT NULL PRIMARY KEY,
    chunk_id     BLOB NOT NULL,
    chunk_offset INTEGER NOT NULL,
    chunk_length INTEGER NOT NULL,
    caller_id    BLOB NOT NULL,
    action_id    BLOB NOT NULL,
    audit_hash   BLOB NOT NULL,
    namespace    TEXT NOT NULL,
    name         TEXT NOT NULL,
    request_uri  TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS events_name ON events (name);

CREATE INDEX IF NOT EXISTS events_audit ON events (audit_hash);

CREATE TABLE IF NOT EXISTS chunks (
    id        BLOB NOT NULL PRIMARY KEY,
    cluster   TEXT NOT NULL,
    stream    BLOB NOT NULL,
    sequence  INTEGER NOT NULL,
    received  INTEGER NOT NULL,
    first_id  BLOB NOT NULL,
    events    INTEGER NOT NULL,
    raw_bytes INTEGER NOT NULL,
    frames    BLOB NOT NULL,
    content   BLOB NOT NULL
);

CREATE INDEX IF NOT EXISTS chunks_arrival ON chunks (stream, sequence);

CREATE TABLE IF NOT EXISTS postings (
    field    TEXT NOT NULL,
    value    TEXT NOT NULL,
    chunk_id BLOB NOT NULL,
    PRIMARY KEY (field, value, chunk_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS callers (
    id                BLOB NOT NULL PRIMARY KEY,
    cluster           TEXT NOT NULL,
    username          TEXT NOT NULL,
    user_groups       TEXT NOT NULL,
    impersonated_user TEXT NOT NULL,
    source_ip         TEXT NOT NULL,
    user_agent        TEXT NOT NULL,
    client            TEXT NOT NULL,
    kind              TEXT NOT NULL,
    last_day          INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS actions (
    id          BLOB NOT NULL PRIMARY KEY,
    verb        TEXT NOT NULL,
    api_group   TEXT NOT NULL,
    resource    TEXT NOT NULL,
    subresource TEXT NOT NULL,
    code        INTEGER NOT NULL,
    level       TEXT NOT NULL,
    stage       TEXT NOT NULL,
    decision    TEXT NOT NULL,
    manager     TEXT NOT NULL,
    command     TEXT NOT NULL,
    dry_run     INTEGER NOT NULL,
    truncated   INTEGER NOT NULL,
    cut         INTEGER NOT NULL,
    last_day    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS arrivals (
    stream     BLOB NOT NULL,
    cluster    TEXT NOT NULL,
    sequence   INTEGER NOT NULL,
    received   INTEGER NOT NULL,
    events     INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    PRIMARY KEY (stream, cluster)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS refusals (
    cluster TEXT NOT NULL PRIMARY KEY,
    refused INTEGER NOT NULL,
    reason  TEXT NOT NULL,
    peer    TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS quarantine (
    id        BLOB NOT NULL PRIMARY KEY,
    cluster   TEXT NOT NULL,
    received  INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    raw_bytes INTEGER NOT NULL,
    content   BLOB NOT NULL
);
