-- Who is logged in, with which tokens programs read, and what was read. Every statement may be run again.
-- The ids of sessions and tokens are hashes of what the reader holds; that of a reading begins with its time.

CREATE TABLE IF NOT EXISTS reader_sessions (
    id        BINARY(32)      NOT NULL PRIMARY KEY,
    username  VARBINARY(64)   NOT NULL,
    is_secure TINYINT UNSIGNED NOT NULL,
    made      BIGINT UNSIGNED NOT NULL,
    seen      BIGINT UNSIGNED NOT NULL,
    peer      VARBINARY(64)   NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS reader_tokens (
    id       BINARY(32)      NOT NULL PRIMARY KEY,
    username VARBINARY(64)   NOT NULL,
    label    VARBINARY(64)   NOT NULL,
    made     BIGINT UNSIGNED NOT NULL,
    ends     BIGINT UNSIGNED NOT NULL,
    used     BIGINT UNSIGNED NOT NULL
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
