-- The tables of the first release. Every statement may be run again: MariaDB commits each DDL statement by itself.
-- VARBINARY, because every collation of MariaDB calls some different identifiers equal ('sp' and 'sp ', 'a' and 'A').
-- Ids of events and chunks begin with their time in milliseconds, so that a range of ids is a range of time.

CREATE TABLE IF NOT EXISTS events (
    id           BINARY(16)      NOT NULL PRIMARY KEY,
    chunk_id     BINARY(16)      NOT NULL,
    chunk_offset INT UNSIGNED    NOT NULL,
    chunk_length INT UNSIGNED    NOT NULL,
    caller_id    BINARY(8)       NOT NULL,
    action_id    BINARY(8)       NOT NULL,
    audit_hash   BINARY(8)       NOT NULL,
    namespace    VARBINARY(255)  NOT NULL,
    name         VARBINARY(255)  NOT NULL,
    request_uri  VARBINARY(1024) NOT NULL,
    KEY events_name (name),
    KEY events_audit (audit_hash)
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

CREATE TABLE IF NOT EXISTS postings (
    field    VARBINARY(16)  NOT NULL,
    value    VARBINARY(128) NOT NULL,
    chunk_id BINARY(16)     NOT NULL,
    PRIMARY KEY (field, value, chunk_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4
PARTITION BY RANGE COLUMNS (chunk_id) (PARTITION p_future VALUES LESS THAN (MAXVALUE));

CREATE TABLE IF NOT EXISTS callers (
    id                BINARY(8)       NOT NULL PRIMARY KEY,
    cluster           VARBINARY(63)   NOT NULL,
    username          VARBINARY(255)  NOT NULL,
    user_groups       VARBINARY(1026) NOT NULL,
    impersonated_user VARBINARY(255)  NOT NULL,
    source_ip         VARBINARY(64)   NOT NULL,
    user_agent        VARBINARY(255)  NOT NULL,
    client            VARBINARY(32)   NOT NULL,
    kind              VARBINARY(16)   NOT NULL,
    last_day          INT UNSIGNED    NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS actions (
    id          BINARY(8)         NOT NULL PRIMARY KEY,
    verb        VARBINARY(32)     NOT NULL,
    api_group   VARBINARY(255)    NOT NULL,
    resource    VARBINARY(255)    NOT NULL,
    subresource VARBINARY(255)    NOT NULL,
    code        SMALLINT UNSIGNED NOT NULL,
    level       VARBINARY(32)     NOT NULL,
    stage       VARBINARY(32)     NOT NULL,
    decision    VARBINARY(32)     NOT NULL,
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

CREATE TABLE IF NOT EXISTS quarantine (
    id        BINARY(16)      NOT NULL PRIMARY KEY,
    cluster   VARBINARY(63)   NOT NULL,
    received  BIGINT UNSIGNED NOT NULL,
    reason    VARBINARY(255)  NOT NULL,
    raw_bytes INT UNSIGNED    NOT NULL,
    content   LONGBLOB        NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
