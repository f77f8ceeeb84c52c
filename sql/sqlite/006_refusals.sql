-- How many requests were refused on a day (since the epoch), for which cluster and why. Every statement may be run again.
-- An empty cluster counts the requests that named none, or none of those that are listed.

CREATE TABLE IF NOT EXISTS refusal_counts (
    day      INTEGER NOT NULL,
    cluster  TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (day, cluster, kind)
) WITHOUT ROWID;
