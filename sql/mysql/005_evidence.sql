-- The seals by which changes to what is stored are found out, and the signed checkpoints over them. Every statement may
-- be run again. audit_webhook/sealing.py says what a seal is, audit_webhook/checkpoints.py what a checkpoint is.

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
