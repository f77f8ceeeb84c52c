-- Alerts, who evaluates the rules and how far, and what people decide.

-- name: take_lease (mysql)
INSERT INTO alert_lease (name, holder, ends, evaluated) VALUES (%s, %s, %s, 0)
ON DUPLICATE KEY UPDATE ends = ends

-- name: take_lease (sqlite)
INSERT INTO alert_lease (name, holder, ends, evaluated) VALUES (%s, %s, %s, 0) ON CONFLICT (name) DO NOTHING

-- name: lock_lease (mysql)
SELECT holder, ends, evaluated FROM alert_lease WHERE name = %s FOR UPDATE

-- name: lock_lease (sqlite)
SELECT holder, ends, evaluated FROM alert_lease WHERE name = %s

-- name: read_lease
SELECT holder, ends, evaluated FROM alert_lease WHERE name = %s

-- name: renew_lease
UPDATE alert_lease SET holder = %s, ends = %s, evaluated = %s WHERE name = %s

-- name: read_alert_positions
SELECT stream, sequence FROM alert_positions

-- name: write_alert_position (mysql)
INSERT INTO alert_positions (stream, sequence) VALUES (%s, %s) ON DUPLICATE KEY UPDATE sequence = VALUES(sequence)

-- name: write_alert_position (sqlite)
INSERT INTO alert_positions (stream, sequence) VALUES (%s, %s)
ON CONFLICT (stream) DO UPDATE SET sequence = excluded.sequence

-- name: read_windows
SELECT rule, window_key, ends, marks FROM alert_windows WHERE ends >= %s LIMIT 1000000

-- name: write_window (mysql)
INSERT INTO alert_windows (rule, window_key, ends, marks) VALUES (%s, %s, %s, %s)
ON DUPLICATE KEY UPDATE ends = VALUES(ends), marks = VALUES(marks)

-- name: write_window (sqlite)
INSERT INTO alert_windows (rule, window_key, ends, marks) VALUES (%s, %s, %s, %s)
ON CONFLICT (rule, window_key) DO UPDATE SET ends = excluded.ends, marks = excluded.marks

-- name: forget_windows
DELETE FROM alert_windows WHERE ends < %s

-- name: chunk_keys
SELECT DISTINCT caller_id, action_id, namespace FROM events WHERE id >= %s AND id < %s AND chunk_id = %s

-- name: chunk_rows
SELECT id, chunk_id, chunk_offset, chunk_length, caller_id, action_id, namespace
FROM events WHERE id >= %s AND id < %s AND chunk_id = %s AND action_id IN ({ids}) ORDER BY id

-- name: known_hits
SELECT id FROM alert_hits WHERE id IN ({ids})

-- name: insert_hit
INSERT INTO alert_hits (id, alert_id, event_id, happened) VALUES (%s, %s, %s, %s)

-- name: open_alert
SELECT id, group_key, rule, severity, cluster, namespace, actor, object, client, state, reason, assignee, first_time,
last_time, found, changed, hits, denied, late, last_event
FROM alerts WHERE group_key = %s AND state <> %s ORDER BY id DESC LIMIT 1

-- name: insert_alert
INSERT INTO alerts (id, group_key, rule, severity, cluster, namespace, actor, object, client, state, reason, assignee,
first_time, last_time, found, changed, hits, denied, late, last_event)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: update_alert
UPDATE alerts SET severity = %s, first_time = %s, last_time = %s, changed = %s, hits = %s, denied = %s, late = %s,
last_event = %s WHERE id = %s

-- name: set_alert_state
UPDATE alerts SET state = %s, reason = %s, assignee = %s, changed = %s WHERE id = %s

-- name: find_alert
SELECT id, group_key, rule, severity, cluster, namespace, actor, object, client, state, reason, assignee, first_time,
last_time, found, changed, hits, denied, late, last_event
FROM alerts WHERE id = %s

-- name: list_alerts
SELECT id, group_key, rule, severity, cluster, namespace, actor, object, client, state, reason, assignee, first_time,
last_time, found, changed, hits, denied, late, last_event
FROM alerts WHERE last_time >= %s AND last_time < %s AND {where} ORDER BY last_time DESC, id DESC LIMIT %s

-- name: alert_hits
SELECT event_id, happened FROM alert_hits WHERE alert_id = %s ORDER BY happened DESC LIMIT %s

-- name: hits_of_alerts
SELECT alert_id, happened FROM alert_hits WHERE happened >= %s AND alert_id IN ({ids}) LIMIT 200000

-- name: alerts_of_events
SELECT h.event_id, a.id, a.rule, a.severity, a.cluster, a.namespace, a.state
FROM alert_hits h JOIN alerts a ON a.id = h.alert_id WHERE h.event_id IN ({ids}) LIMIT 5000

-- name: hits_by_rule
SELECT rule, COUNT(*), SUM(hits), MAX(last_time), SUM(state <> %s)
FROM alerts WHERE last_time >= %s AND {where} GROUP BY rule

-- name: open_by_severity
SELECT severity, COUNT(*) FROM alerts WHERE state = %s GROUP BY severity

-- name: forget_hits
DELETE FROM alert_hits WHERE happened < %s

-- name: forget_alerts
DELETE FROM alerts WHERE last_time < %s

-- name: forget_notes
DELETE FROM alert_notes WHERE made < %s

-- name: insert_note
INSERT INTO alert_notes (id, alert_id, made, author, action, note) VALUES (%s, %s, %s, %s, %s, %s)

-- name: list_notes
SELECT id, alert_id, made, author, action, note FROM alert_notes WHERE alert_id = %s ORDER BY made, id LIMIT 1000

-- name: list_mutes
SELECT id, rule, cluster, namespace, actor, client, object, ends, reason, made, made_by, revoked, revoked_by, hits
FROM alert_mutes WHERE ends >= %s ORDER BY made DESC LIMIT 2000

-- name: insert_mute
INSERT INTO alert_mutes (id, rule, cluster, namespace, actor, client, object, ends, reason, made, made_by, revoked,
revoked_by, hits)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: revoke_mute
UPDATE alert_mutes SET revoked = %s, revoked_by = %s WHERE id = %s AND revoked = 0

-- name: count_muted
UPDATE alert_mutes SET hits = hits + %s WHERE id = %s

-- name: list_switches
SELECT rule, is_on, changed, changed_by FROM alert_switches

-- name: switch_rule (mysql)
INSERT INTO alert_switches (rule, is_on, changed, changed_by) VALUES (%s, %s, %s, %s)
ON DUPLICATE KEY UPDATE is_on = VALUES(is_on), changed = VALUES(changed), changed_by = VALUES(changed_by)

-- name: switch_rule (sqlite)
INSERT INTO alert_switches (rule, is_on, changed, changed_by) VALUES (%s, %s, %s, %s)
ON CONFLICT (rule) DO UPDATE SET is_on = excluded.is_on, changed = excluded.changed, changed_by = excluded.changed_by
