-- Every statement may be run again.
-- TEXT compares byte by byte here (collation BINARY), as VARBINARY does in sql/mysql.
-- Ids of events and chunks begin with their time in milliseconds, so that a range of ids is a range of time.

CREATE TABLE IF NOT EXISTS events (
    id           BLOB NOT NULL PRIMARY KEY,
    chunk_id     BLOB NOT NULL,
    chunk_offset INTEGER NOT NULL,
    chunk_length INTEGER NOT NULL,
    caller_id    BLOB NOT NULL,
    action_id    BLOB NOT NULL,
    audit_key    BLOB NOT NULL,
    namespace    TEXT NOT NULL,
    name         TEXT NOT NULL,
    request_uri  TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS events_name ON events (name);

CREATE INDEX IF NOT EXISTS events_audit ON events (audit_key);

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

-- Chunks that were received on a later day than that of their events: their day is kept as long as they are to be.
CREATE TABLE IF NOT EXISTS late_chunks (
    chunk_id BLOB NOT NULL PRIMARY KEY,
    received INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS late_chunks_received ON late_chunks (received);

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
    effective_user    TEXT NOT NULL,
    session           TEXT NOT NULL,
    claimed_ips       TEXT NOT NULL,
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

-- What could not be read: compressed, `content` empty where there was no room for it, and at last only counted.
CREATE TABLE IF NOT EXISTS quarantine (
    id           BLOB NOT NULL PRIMARY KEY,
    cluster      TEXT NOT NULL,
    received     INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    raw_bytes    INTEGER NOT NULL,
    digest       BLOB NOT NULL,
    stored_bytes INTEGER NOT NULL,
    content      BLOB NOT NULL
);

CREATE INDEX IF NOT EXISTS quarantine_cluster ON quarantine (cluster, stored_bytes);

CREATE TABLE IF NOT EXISTS quarantine_left_out (
    cluster   TEXT NOT NULL PRIMARY KEY,
    items     INTEGER NOT NULL,
    raw_bytes INTEGER NOT NULL,
    received  INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    digest    BLOB NOT NULL
) WITHOUT ROWID;

-- How often what occurs, for histogram and facets, and the searches that people saved.
-- A row of tallies is one chunk's, written with the chunk, or the sum of a cluster's day; audit_webhook/storage/chunks/counts.py packs
-- and reads them. `chunks` is how many chunks a sum holds, and 0 in the row of a single chunk.

CREATE TABLE IF NOT EXISTS tallies (
    id      BLOB NOT NULL,
    cluster TEXT NOT NULL,
    chunks  INTEGER NOT NULL,
    events  INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (id, cluster)
);

CREATE TABLE IF NOT EXISTS saved_searches (
    id      BLOB NOT NULL PRIMARY KEY,
    name    TEXT NOT NULL,
    query   TEXT NOT NULL,
    columns TEXT NOT NULL,
    saved   INTEGER NOT NULL,
    owner   TEXT NOT NULL,
    UNIQUE (owner, name)
);

-- Who is logged in, with which tokens programs read, and what was read.
-- The ids of sessions and tokens are hashes of what the reader holds; that of a reading begins with its time.

CREATE TABLE IF NOT EXISTS reader_sessions (
    id        BLOB    NOT NULL PRIMARY KEY,
    username  TEXT    NOT NULL,
    is_secure INTEGER NOT NULL,
    made      INTEGER NOT NULL,
    seen      INTEGER NOT NULL,
    peer      TEXT    NOT NULL,
    mac       BLOB    NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS login_tries (
    id    BLOB    NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL,
    tries INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS login_tries_since ON login_tries (since);

CREATE TABLE IF NOT EXISTS reader_tokens (
    id       BLOB    NOT NULL PRIMARY KEY,
    username TEXT    NOT NULL,
    label    TEXT    NOT NULL,
    made     INTEGER NOT NULL,
    ends     INTEGER NOT NULL,
    used     INTEGER NOT NULL,
    mac      BLOB    NOT NULL
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

-- The seals by which changes to what is stored are found out, and the signed checkpoints over them.
-- audit_webhook/storage/chunks/hash_chain.py says what a seal is, audit_webhook/evidence/checkpoints.py what a checkpoint is.

CREATE TABLE IF NOT EXISTS seals (
    stream   BLOB    NOT NULL,
    sequence INTEGER NOT NULL,
    chunk_id BLOB    NOT NULL,
    events   INTEGER NOT NULL,
    sealed   INTEGER NOT NULL,
    root     BLOB    NOT NULL,
    record   BLOB    NOT NULL,
    link     BLOB    NOT NULL,
    PRIMARY KEY (stream, sequence)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS seals_sealed ON seals (sealed);

CREATE TABLE IF NOT EXISTS checkpoints (
    number    INTEGER NOT NULL PRIMARY KEY,
    made      INTEGER NOT NULL,
    body      BLOB    NOT NULL,
    signature BLOB    NOT NULL
);

CREATE INDEX IF NOT EXISTS checkpoints_made ON checkpoints (made);

-- How many requests were refused on a day (since the epoch), for which cluster and why.
-- An empty cluster counts the requests that named none, or none of those that are listed.

CREATE TABLE IF NOT EXISTS refusal_counts (
    day      INTEGER NOT NULL,
    cluster  TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (day, cluster, kind)
) WITHOUT ROWID;

-- Who sends for each cluster, by address; an empty address counts those beyond the limit of a cluster.
-- Times are microseconds since the epoch, 0 for never. audit_webhook/storage/sender_store.py writes it.

CREATE TABLE IF NOT EXISTS senders (
    cluster      TEXT    NOT NULL,
    address      TEXT    NOT NULL,
    user_agent   TEXT    NOT NULL,
    first_heard  INTEGER NOT NULL,
    last_heard   INTEGER NOT NULL,
    batches      INTEGER NOT NULL,
    events       INTEGER NOT NULL,
    raw_bytes    INTEGER NOT NULL,
    usual_gap    INTEGER NOT NULL,
    refused      INTEGER NOT NULL,
    last_refused INTEGER NOT NULL,
    refused_kind TEXT    NOT NULL,
    PRIMARY KEY (cluster, address)
) WITHOUT ROWID;

-- What was lost or may have been: refused requests by hour, events that a kube-apiserver's own log names as given up,
-- and gaps. audit_webhook/storage/loss_store.py says what each kind of row means.

CREATE TABLE IF NOT EXISTS losses (
    id       BLOB    NOT NULL PRIMARY KEY,
    cluster  TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    address  TEXT    NOT NULL,
    happened INTEGER NOT NULL,
    ended    INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    unread   INTEGER NOT NULL,
    events   INTEGER NOT NULL,
    named    INTEGER NOT NULL,
    content  BLOB    NOT NULL
);

CREATE INDEX IF NOT EXISTS losses_happened ON losses (happened);
