-- The seals by which changes to what is stored are found out, and the signed checkpoints over them. Every statement may
-- be run again. audit_webhook/sealing.py says what a seal is, audit_webhook/checkpoints.py what a checkpoint is.

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
