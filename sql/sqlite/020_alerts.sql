-- Alerts: each a group of hits of one rule by one actor on one object. audit_webhook/storage/alert_store.py says what the
-- columns mean. Times are microseconds since the epoch.

CREATE TABLE IF NOT EXISTS alerts (
    id         BLOB    NOT NULL PRIMARY KEY,
    group_key  BLOB    NOT NULL,
    rule       TEXT    NOT NULL,
    severity   INTEGER NOT NULL,
    cluster    TEXT    NOT NULL,
    namespace  TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    object     TEXT    NOT NULL,
    client     TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    assignee   TEXT    NOT NULL,
    first_time INTEGER NOT NULL,
    last_time  INTEGER NOT NULL,
    found      INTEGER NOT NULL,
    changed    INTEGER NOT NULL,
    hits       INTEGER NOT NULL,
    denied     INTEGER NOT NULL,
    late       INTEGER NOT NULL,
    last_event BLOB    NOT NULL
);

CREATE INDEX IF NOT EXISTS alerts_group ON alerts (group_key);

CREATE INDEX IF NOT EXISTS alerts_last ON alerts (last_time);

CREATE INDEX IF NOT EXISTS alerts_changed ON alerts (changed);

CREATE TABLE IF NOT EXISTS alert_hits (
    id       BLOB    NOT NULL PRIMARY KEY,
    alert_id BLOB    NOT NULL,
    event_id BLOB    NOT NULL,
    happened INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS alert_hits_alert ON alert_hits (alert_id, happened);

CREATE INDEX IF NOT EXISTS alert_hits_event ON alert_hits (event_id);

-- Who evaluates the rules now, how far it came in each stream, and what rules over several events remember.

CREATE TABLE IF NOT EXISTS alert_lease (
    name      TEXT    NOT NULL PRIMARY KEY,
    holder    BLOB    NOT NULL,
    ends      INTEGER NOT NULL,
    evaluated INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS alert_positions (
    stream   BLOB    NOT NULL PRIMARY KEY,
    sequence INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS alert_windows (
    rule       TEXT    NOT NULL,
    window_key BLOB    NOT NULL,
    ends       INTEGER NOT NULL,
    marks      BLOB    NOT NULL,
    PRIMARY KEY (rule, window_key)
) WITHOUT ROWID;

-- What people decide: mutes, rules that are switched, and all that was done to an alert.

CREATE TABLE IF NOT EXISTS alert_mutes (
    id         BLOB    NOT NULL PRIMARY KEY,
    rule       TEXT    NOT NULL,
    cluster    TEXT    NOT NULL,
    namespace  TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    client     TEXT    NOT NULL,
    object     TEXT    NOT NULL,
    ends       INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    made       INTEGER NOT NULL,
    made_by    TEXT    NOT NULL,
    revoked    INTEGER NOT NULL,
    revoked_by TEXT    NOT NULL,
    hits       INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS alert_switches (
    rule       TEXT    NOT NULL PRIMARY KEY,
    is_on      INTEGER NOT NULL,
    changed    INTEGER NOT NULL,
    changed_by TEXT    NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS alert_notes (
    id       BLOB    NOT NULL PRIMARY KEY,
    alert_id BLOB    NOT NULL,
    made     INTEGER NOT NULL,
    author   TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    note     TEXT    NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS alert_notes_alert ON alert_notes (alert_id, made);

-- Messages that wait for their sinks, which alerts each sink was told of, and how each sink fares.

CREATE TABLE IF NOT EXISTS alert_outbox (
    id        BLOB    NOT NULL PRIMARY KEY,
    sink      TEXT    NOT NULL,
    group_key BLOB    NOT NULL,
    kind      TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    severity  INTEGER NOT NULL,
    hits      INTEGER NOT NULL,
    is_more   INTEGER NOT NULL,
    members   BLOB    NOT NULL,
    made      INTEGER NOT NULL,
    due       INTEGER NOT NULL,
    begun     INTEGER NOT NULL,
    tries     INTEGER NOT NULL,
    error     TEXT    NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS alert_outbox_state ON alert_outbox (state, sink, due);

CREATE INDEX IF NOT EXISTS alert_outbox_group ON alert_outbox (sink, group_key, made);

CREATE TABLE IF NOT EXISTS alert_told (
    alert_id BLOB    NOT NULL,
    sink     TEXT    NOT NULL,
    told     INTEGER NOT NULL,
    PRIMARY KEY (alert_id, sink)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS alert_sinks (
    sink      TEXT    NOT NULL PRIMARY KEY,
    sent      INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    succeeded INTEGER NOT NULL,
    erred     INTEGER NOT NULL,
    error     TEXT    NOT NULL
) WITHOUT ROWID;
