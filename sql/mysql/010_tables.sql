-- Every statement may be run again: MariaDB commits each DDL statement by itself.
-- VARBINARY, because every collation of MariaDB calls some different identifiers equal ('sp' and 'sp ', 'a' and 'A').
-- Ids of events and chunks begin with their time in milliseconds, so that a range of ids is a range of time.

CREATE TABLE IF NOT EXISTS events (
    id           BINARY(16)      NOT NULL PRIMARY KEY,
    chunk_id     BINARY(16)      NOT NULL,
    chunk_offset INT UNSIGNED    NOT NULL,
    chunk_length INT UNSIGNED    NOT NULL,
    caller_id    BINARY(16)      NOT NULL,
    action_id    BINARY(16)      NOT NULL,
    audit_key    VARBINARY(66)   NOT NULL,
    namespace    VARBINARY(255)  NOT NULL,
    name         VARBINARY(255)  NOT NULL,
    request_uri  VARBINARY(1024) NOT NULL,
    KEY events_name (name),
    KEY events_audit (audit_key)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4
PARTITION BY RANGE COLUMNS (id) (PARTITION p_future VALUES LESS THAN (MAXVALUE));

CREATE TABLE IF NOT EXISTS chunks (
    id        BINARY(16)      NOT NULL PRIMARY KEY,
    cluster   VARBINARY(63)   NOT NULL,
    stream    BINARY(8)       NOT NULL,
    sequence  BIGINT UNSIGNED NOT NULL,
    received  BIGINT UNSIGNED NOT NULL,
    first_id  BINARY(16)      NOT NULL,
    events    INT UNSIGNED    NOT NULL,
    raw_bytes INT UNSIGNED    NOT NULL,
    frames    MEDIUMBLOB      NOT NULL,
    content   LONGBLOB        NOT NULL,
    KEY chunks_arrival (stream, sequence)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4
PARTITION BY RANGE COLUMNS (id) (PARTITION p_future VALUES LESS THAN (MAXVALUE));

-- Chunks that were received on a later day than that of their events: their day is kept as long as they are to be.
CREATE TABLE IF NOT EXISTS late_chunks (
    chunk_id BINARY(16)      NOT NULL PRIMARY KEY,
    received BIGINT UNSIGNED NOT NULL,
    KEY late_chunks_received (received)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS postings (
    field    VARBINARY(16)  NOT NULL,
    value    VARBINARY(255) NOT NULL,
    chunk_id BINARY(16)     NOT NULL,
    PRIMARY KEY (field, value, chunk_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4
PARTITION BY RANGE COLUMNS (chunk_id) (PARTITION p_future VALUES LESS THAN (MAXVALUE));

CREATE TABLE IF NOT EXISTS callers (
    id                BINARY(16)      NOT NULL PRIMARY KEY,
    cluster           VARBINARY(63)   NOT NULL,
    username          VARBINARY(512)  NOT NULL,
    user_groups       VARBINARY(16386) NOT NULL,
    impersonated_user VARBINARY(512)  NOT NULL,
    source_ip         VARBINARY(80)   NOT NULL,
    user_agent        VARBINARY(255)  NOT NULL,
    client            VARBINARY(64)   NOT NULL,
    kind              VARBINARY(16)   NOT NULL,
    effective_user    VARBINARY(512)  NOT NULL,
    session           VARBINARY(255)  NOT NULL,
    claimed_ips       VARBINARY(514)  NOT NULL,
    last_day          INT UNSIGNED    NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS actions (
    id          BINARY(16)        NOT NULL PRIMARY KEY,
    verb        VARBINARY(64)     NOT NULL,
    api_group   VARBINARY(255)    NOT NULL,
    resource    VARBINARY(255)    NOT NULL,
    subresource VARBINARY(255)    NOT NULL,
    code        SMALLINT UNSIGNED NOT NULL,
    level       VARBINARY(64)     NOT NULL,
    stage       VARBINARY(64)     NOT NULL,
    decision    VARBINARY(64)     NOT NULL,
    manager     VARBINARY(128)    NOT NULL,
    command     VARBINARY(32)     NOT NULL,
    dry_run     TINYINT UNSIGNED  NOT NULL,
    truncated   TINYINT UNSIGNED  NOT NULL,
    cut         TINYINT UNSIGNED  NOT NULL,
    last_day    INT UNSIGNED      NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS arrivals (
    stream     BINARY(8)       NOT NULL,
    cluster    VARBINARY(63)   NOT NULL,
    sequence   BIGINT UNSIGNED NOT NULL,
    received   BIGINT UNSIGNED NOT NULL,
    events     BIGINT UNSIGNED NOT NULL,
    duplicates BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (stream, cluster)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS refusals (
    cluster VARBINARY(63)   NOT NULL PRIMARY KEY,
    refused BIGINT UNSIGNED NOT NULL,
    reason  VARBINARY(255)  NOT NULL,
    peer    VARBINARY(64)   NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- What could not be read: compressed, `content` empty where there was no room for it, and at last only counted.
CREATE TABLE IF NOT EXISTS quarantine (
    id           BINARY(16)      NOT NULL PRIMARY KEY,
    cluster      VARBINARY(63)   NOT NULL,
    received     BIGINT UNSIGNED NOT NULL,
    reason       VARBINARY(255)  NOT NULL,
    raw_bytes    INT UNSIGNED    NOT NULL,
    digest       BINARY(32)      NOT NULL,
    stored_bytes INT UNSIGNED    NOT NULL,
    content      LONGBLOB        NOT NULL,
    KEY quarantine_cluster (cluster, stored_bytes)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS quarantine_left_out (
    cluster   VARBINARY(63)   NOT NULL PRIMARY KEY,
    items     BIGINT UNSIGNED NOT NULL,
    raw_bytes BIGINT UNSIGNED NOT NULL,
    received  BIGINT UNSIGNED NOT NULL,
    reason    VARBINARY(255)  NOT NULL,
    digest    BINARY(32)      NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- How often what occurs, for histogram and facets, and the searches that people saved.
-- A row of tallies is one chunk's, written with the chunk, or the sum of a cluster's day; audit_webhook/storage/chunks/counts.py packs
-- and reads them. `chunks` is how many chunks a sum holds, and 0 in the row of a single chunk.

CREATE TABLE IF NOT EXISTS tallies (
    id      BINARY(16)      NOT NULL,
    cluster VARBINARY(63)   NOT NULL,
    chunks  BIGINT UNSIGNED NOT NULL,
    events  BIGINT UNSIGNED NOT NULL,
    content LONGBLOB        NOT NULL,
    PRIMARY KEY (id, cluster)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4
PARTITION BY RANGE COLUMNS (id) (PARTITION p_future VALUES LESS THAN (MAXVALUE));

CREATE TABLE IF NOT EXISTS saved_searches (
    id      BINARY(16)      NOT NULL PRIMARY KEY,
    name    VARBINARY(255)  NOT NULL,
    query   BLOB            NOT NULL,
    columns VARBINARY(255)  NOT NULL,
    saved   BIGINT UNSIGNED NOT NULL,
    owner   VARBINARY(64)   NOT NULL,
    UNIQUE KEY saved_searches_name (owner, name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Who is logged in, with which tokens programs read, and what was read.
-- The ids of sessions and tokens are hashes of what the reader holds; that of a reading begins with its time.

CREATE TABLE IF NOT EXISTS reader_sessions (
    id        BINARY(32)      NOT NULL PRIMARY KEY,
    username  VARBINARY(64)   NOT NULL,
    is_secure TINYINT UNSIGNED NOT NULL,
    made      BIGINT UNSIGNED NOT NULL,
    seen      BIGINT UNSIGNED NOT NULL,
    peer      VARBINARY(64)   NOT NULL,
    mac       BINARY(32)      NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS login_tries (
    id    BINARY(32)      NOT NULL PRIMARY KEY,
    since BIGINT UNSIGNED NOT NULL,
    tries INT UNSIGNED    NOT NULL,
    KEY login_tries_since (since)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS reader_tokens (
    id       BINARY(32)      NOT NULL PRIMARY KEY,
    username VARBINARY(64)   NOT NULL,
    label    VARBINARY(64)   NOT NULL,
    made     BIGINT UNSIGNED NOT NULL,
    ends     BIGINT UNSIGNED NOT NULL,
    used     BIGINT UNSIGNED NOT NULL,
    mac      BINARY(32)      NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS readings (
    id       BINARY(16)      NOT NULL PRIMARY KEY,
    username VARBINARY(64)   NOT NULL,
    way      VARBINARY(64)   NOT NULL,
    peer     VARBINARY(64)   NOT NULL,
    action   VARBINARY(64)   NOT NULL,
    target   VARBINARY(1024) NOT NULL,
    status   SMALLINT UNSIGNED NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The seals by which changes to what is stored are found out, and the signed checkpoints over them.
-- audit_webhook/storage/chunks/hash_chain.py says what a seal is, audit_webhook/evidence/checkpoints.py what a checkpoint is.

CREATE TABLE IF NOT EXISTS seals (
    stream   BINARY(8)       NOT NULL,
    sequence BIGINT UNSIGNED NOT NULL,
    chunk_id BINARY(16)      NOT NULL,
    events   INT UNSIGNED    NOT NULL,
    sealed   BIGINT UNSIGNED NOT NULL,
    root     BINARY(32)      NOT NULL,
    record   BINARY(32)      NOT NULL,
    link     BINARY(32)      NOT NULL,
    PRIMARY KEY (stream, sequence),
    KEY seals_sealed (sealed)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS checkpoints (
    number    BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    made      BIGINT UNSIGNED NOT NULL,
    body      MEDIUMBLOB      NOT NULL,
    signature BINARY(64)      NOT NULL,
    KEY checkpoints_made (made)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- How many requests were refused on a day (since the epoch), for which cluster and why.
-- An empty cluster counts the requests that named none, or none of those that are listed.

CREATE TABLE IF NOT EXISTS refusal_counts (
    day      INT UNSIGNED    NOT NULL,
    cluster  VARBINARY(63)   NOT NULL,
    kind     VARBINARY(16)   NOT NULL,
    requests BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (day, cluster, kind)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Who sends for each cluster, by address; an empty address counts those beyond the limit of a cluster.
-- Times are microseconds since the epoch, 0 for never. audit_webhook/storage/sender_store.py writes it.

CREATE TABLE IF NOT EXISTS senders (
    cluster      VARBINARY(63)   NOT NULL,
    address      VARBINARY(64)   NOT NULL,
    user_agent   VARBINARY(255)  NOT NULL,
    first_heard  BIGINT UNSIGNED NOT NULL,
    last_heard   BIGINT UNSIGNED NOT NULL,
    batches      BIGINT UNSIGNED NOT NULL,
    events       BIGINT UNSIGNED NOT NULL,
    raw_bytes    BIGINT UNSIGNED NOT NULL,
    usual_gap    BIGINT UNSIGNED NOT NULL,
    refused      BIGINT UNSIGNED NOT NULL,
    last_refused BIGINT UNSIGNED NOT NULL,
    refused_kind VARBINARY(16)   NOT NULL,
    PRIMARY KEY (cluster, address)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- What was lost or may have been: refused requests by hour, events that a kube-apiserver's own log names as given up,
-- and gaps. audit_webhook/storage/loss_store.py says what each kind of row means.

CREATE TABLE IF NOT EXISTS losses (
    id       BINARY(16)      NOT NULL PRIMARY KEY,
    cluster  VARBINARY(63)   NOT NULL,
    kind     VARBINARY(16)   NOT NULL,
    reason   VARBINARY(512)  NOT NULL,
    address  VARBINARY(64)   NOT NULL,
    happened BIGINT UNSIGNED NOT NULL,
    ended    BIGINT UNSIGNED NOT NULL,
    requests BIGINT UNSIGNED NOT NULL,
    unread   BIGINT UNSIGNED NOT NULL,
    events   BIGINT UNSIGNED NOT NULL,
    named    INT UNSIGNED    NOT NULL,
    content  LONGBLOB        NOT NULL,
    KEY losses_happened (happened)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
