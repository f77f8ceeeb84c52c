-- Alerts: each a group of hits of one rule by one actor on one object. audit_webhook/storage/alert_store.py says what the
-- columns mean. Times are microseconds since the epoch.

CREATE TABLE IF NOT EXISTS alerts (
    id         BINARY(16)       NOT NULL PRIMARY KEY,
    group_key  BINARY(16)       NOT NULL,
    rule       VARBINARY(128)   NOT NULL,
    severity   TINYINT UNSIGNED NOT NULL,
    cluster    VARBINARY(63)    NOT NULL,
    namespace  VARBINARY(255)   NOT NULL,
    actor      VARBINARY(512)   NOT NULL,
    object     VARBINARY(1024)  NOT NULL,
    client     VARBINARY(64)    NOT NULL,
    state      VARBINARY(16)    NOT NULL,
    reason     VARBINARY(1024)  NOT NULL,
    assignee   VARBINARY(64)    NOT NULL,
    first_time BIGINT UNSIGNED  NOT NULL,
    last_time  BIGINT UNSIGNED  NOT NULL,
    found      BIGINT UNSIGNED  NOT NULL,
    changed    BIGINT UNSIGNED  NOT NULL,
    hits       BIGINT UNSIGNED  NOT NULL,
    denied     BIGINT UNSIGNED  NOT NULL,
    late       BIGINT UNSIGNED  NOT NULL,
    last_event BINARY(16)       NOT NULL,
    KEY alerts_group (group_key),
    KEY alerts_last (last_time),
    KEY alerts_changed (changed)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS alert_hits (
    id       BINARY(16)      NOT NULL PRIMARY KEY,
    alert_id BINARY(16)      NOT NULL,
    event_id BINARY(16)      NOT NULL,
    happened BIGINT UNSIGNED NOT NULL,
    KEY alert_hits_alert (alert_id, happened),
    KEY alert_hits_event (event_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Who evaluates the rules now, how far it came in each stream, and what rules over several events remember.

CREATE TABLE IF NOT EXISTS alert_lease (
    name      VARBINARY(64)   NOT NULL PRIMARY KEY,
    holder    BINARY(16)      NOT NULL,
    ends      BIGINT UNSIGNED NOT NULL,
    evaluated BIGINT UNSIGNED NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS alert_positions (
    stream   BINARY(8)       NOT NULL PRIMARY KEY,
    sequence BIGINT UNSIGNED NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS alert_windows (
    rule       VARBINARY(128)  NOT NULL,
    window_key BINARY(16)      NOT NULL,
    ends       BIGINT UNSIGNED NOT NULL,
    marks      MEDIUMBLOB      NOT NULL,
    PRIMARY KEY (rule, window_key)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- What people decide: mutes, rules that are switched, and all that was done to an alert.

CREATE TABLE IF NOT EXISTS alert_mutes (
    id         BINARY(16)      NOT NULL PRIMARY KEY,
    rule       VARBINARY(128)  NOT NULL,
    cluster    VARBINARY(63)   NOT NULL,
    namespace  VARBINARY(255)  NOT NULL,
    actor      VARBINARY(512)  NOT NULL,
    client     VARBINARY(64)   NOT NULL,
    object     VARBINARY(1024) NOT NULL,
    ends       BIGINT UNSIGNED NOT NULL,
    reason     VARBINARY(1024) NOT NULL,
    made       BIGINT UNSIGNED NOT NULL,
    made_by    VARBINARY(64)   NOT NULL,
    revoked    BIGINT UNSIGNED NOT NULL,
    revoked_by VARBINARY(64)   NOT NULL,
    hits       BIGINT UNSIGNED NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS alert_switches (
    rule       VARBINARY(128)   NOT NULL PRIMARY KEY,
    is_on      TINYINT UNSIGNED NOT NULL,
    changed    BIGINT UNSIGNED  NOT NULL,
    changed_by VARBINARY(64)    NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS alert_notes (
    id       BINARY(16)      NOT NULL PRIMARY KEY,
    alert_id BINARY(16)      NOT NULL,
    made     BIGINT UNSIGNED NOT NULL,
    author   VARBINARY(64)   NOT NULL,
    action   VARBINARY(16)   NOT NULL,
    note     VARBINARY(4096) NOT NULL,
    KEY alert_notes_alert (alert_id, made)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Messages that wait for their sinks, which alerts each sink was told of, and how each sink fares.

CREATE TABLE IF NOT EXISTS alert_outbox (
    id        BINARY(16)       NOT NULL PRIMARY KEY,
    sink      VARBINARY(64)    NOT NULL,
    group_key BINARY(16)       NOT NULL,
    kind      VARBINARY(16)    NOT NULL,
    state     VARBINARY(16)    NOT NULL,
    severity  TINYINT UNSIGNED NOT NULL,
    hits      BIGINT UNSIGNED  NOT NULL,
    is_more   TINYINT UNSIGNED NOT NULL,
    members   VARBINARY(4096)  NOT NULL,
    made      BIGINT UNSIGNED  NOT NULL,
    due       BIGINT UNSIGNED  NOT NULL,
    begun     BIGINT UNSIGNED  NOT NULL,
    tries     INT UNSIGNED     NOT NULL,
    error     VARBINARY(512)   NOT NULL,
    KEY alert_outbox_state (state, sink, due),
    KEY alert_outbox_group (sink, group_key, made)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS alert_told (
    alert_id BINARY(16)      NOT NULL,
    sink     VARBINARY(64)   NOT NULL,
    told     BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (alert_id, sink)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS alert_sinks (
    sink      VARBINARY(64)   NOT NULL PRIMARY KEY,
    sent      BIGINT UNSIGNED NOT NULL,
    failed    BIGINT UNSIGNED NOT NULL,
    succeeded BIGINT UNSIGNED NOT NULL,
    erred     BIGINT UNSIGNED NOT NULL,
    error     VARBINARY(512)  NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
