-- How many requests were refused on a day (since the epoch), for which cluster and why. Every statement may be run again.
-- An empty cluster counts the requests that named none, or none of those that are listed.

CREATE TABLE IF NOT EXISTS refusal_counts (
    day      INT UNSIGNED    NOT NULL,
    cluster  VARBINARY(63)   NOT NULL,
    kind     VARBINARY(16)   NOT NULL,
    requests BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (day, cluster, kind)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
