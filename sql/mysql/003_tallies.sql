-- How often what occurs, for histogram and facets, and the searches that people saved.
-- A row of tallies is one chunk's, written with the chunk, or the sum of a cluster's day; audit_webhook/tally.py packs
-- and reads them. `chunks` is how many chunks a sum holds, and 0 in the row of a single chunk.

CREATE TABLE IF NOT EXISTS tallies (
    id      BINARY(16)      NOT NULL PRIMARY KEY,
    cluster VARBINARY(63)   NOT NULL,
    chunks  BIGINT UNSIGNED NOT NULL,
    events  BIGINT UNSIGNED NOT NULL,
    content LONGBLOB        NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4
PARTITION BY RANGE COLUMNS (id) (PARTITION p_future VALUES LESS THAN (MAXVALUE));

CREATE TABLE IF NOT EXISTS untallied (
    chunk_id BINARY(16) NOT NULL PRIMARY KEY
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

INSERT INTO untallied (chunk_id)
SELECT k.id FROM chunks k
WHERE NOT EXISTS (SELECT 1 FROM tallies t) AND NOT EXISTS (SELECT 1 FROM untallied u WHERE u.chunk_id = k.id);

CREATE TABLE IF NOT EXISTS saved_searches (
    id      BINARY(16)      NOT NULL PRIMARY KEY,
    name    VARBINARY(255)  NOT NULL,
    query   BLOB            NOT NULL,
    columns VARBINARY(255)  NOT NULL,
    saved   BIGINT UNSIGNED NOT NULL,
    UNIQUE KEY saved_searches_name (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
