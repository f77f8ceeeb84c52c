-- Messages to sinks. A row whose sending has begun is changed no more, so that its second try says the same.

-- name: last_of_group (mysql)
SELECT id, sink, group_key, kind, state, severity, hits, is_more, members, made, due, begun, tries, error
FROM alert_outbox WHERE sink = %s AND group_key = %s ORDER BY made DESC, id DESC LIMIT 1 FOR UPDATE

-- name: last_of_group (sqlite)
SELECT id, sink, group_key, kind, state, severity, hits, is_more, members, made, due, begun, tries, error
FROM alert_outbox WHERE sink = %s AND group_key = %s ORDER BY made DESC, id DESC LIMIT 1

-- name: insert_message
INSERT INTO alert_outbox (id, sink, group_key, kind, state, severity, hits, is_more, members, made, due, begun, tries,
error)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: join_message
UPDATE alert_outbox SET severity = %s, hits = %s, members = %s, due = %s WHERE id = %s AND begun = 0

-- name: next_message (mysql)
SELECT id, sink, group_key, kind, state, severity, hits, is_more, members, made, due, begun, tries, error
FROM alert_outbox WHERE state = %s AND sink = %s AND due <= %s ORDER BY due, id LIMIT 1 FOR UPDATE

-- name: next_message (sqlite)
SELECT id, sink, group_key, kind, state, severity, hits, is_more, members, made, due, begun, tries, error
FROM alert_outbox WHERE state = %s AND sink = %s AND due <= %s ORDER BY due, id LIMIT 1

-- name: begin_message
UPDATE alert_outbox SET begun = %s WHERE id = %s

-- name: end_message
UPDATE alert_outbox SET state = %s, due = %s, tries = %s, error = %s WHERE id = %s

-- name: due_sinks
SELECT DISTINCT sink FROM alert_outbox WHERE state = %s AND due <= %s

-- name: count_messages
SELECT sink, state, COUNT(*), MIN(made), MIN(CASE WHEN begun > 0 THEN begun ELSE due END)
FROM alert_outbox WHERE state <> %s GROUP BY sink, state

-- name: waiting_of_sink
SELECT COUNT(*) FROM alert_outbox WHERE state = %s AND sink = %s

-- name: list_messages
SELECT id, sink, group_key, kind, state, severity, hits, is_more, members, made, due, begun, tries, error
FROM alert_outbox WHERE state = %s AND (sink = %s OR %s = 0) ORDER BY made DESC, id DESC LIMIT %s

-- name: revive_messages
UPDATE alert_outbox SET state = %s, due = %s, tries = 0 WHERE state = %s AND (sink = %s OR %s = 0)

-- name: revive_message
UPDATE alert_outbox SET state = %s, due = %s, tries = 0 WHERE state = %s AND id = %s

-- name: forget_sent
DELETE FROM alert_outbox WHERE state = %s AND begun < %s

-- name: forget_messages
DELETE FROM alert_outbox WHERE made < %s

-- name: oldest_dead_kept
SELECT made FROM alert_outbox WHERE state = %s AND sink = %s ORDER BY made DESC LIMIT 1 OFFSET %s

-- name: forget_dead
DELETE FROM alert_outbox WHERE state = %s AND sink = %s AND made <= %s

-- name: sinks_told
SELECT sink FROM alert_told WHERE alert_id = %s

-- name: note_told (mysql)
INSERT INTO alert_told (alert_id, sink, told) VALUES (%s, %s, %s) ON DUPLICATE KEY UPDATE told = VALUES(told)

-- name: note_told (sqlite)
INSERT INTO alert_told (alert_id, sink, told) VALUES (%s, %s, %s)
ON CONFLICT (alert_id, sink) DO UPDATE SET told = excluded.told

-- name: forget_told
DELETE FROM alert_told WHERE told < %s

-- name: read_sinks
SELECT sink, sent, failed, succeeded, erred, error FROM alert_sinks

-- name: note_sent (mysql)
INSERT INTO alert_sinks (sink, sent, failed, succeeded, erred, error) VALUES (%s, 1, 0, %s, 0, %s)
ON DUPLICATE KEY UPDATE sent = sent + 1, succeeded = VALUES(succeeded)

-- name: note_sent (sqlite)
INSERT INTO alert_sinks (sink, sent, failed, succeeded, erred, error) VALUES (%s, 1, 0, %s, 0, %s)
ON CONFLICT (sink) DO UPDATE SET sent = sent + 1, succeeded = excluded.succeeded

-- name: note_failed (mysql)
INSERT INTO alert_sinks (sink, sent, failed, succeeded, erred, error) VALUES (%s, 0, 1, 0, %s, %s)
ON DUPLICATE KEY UPDATE failed = failed + 1, erred = VALUES(erred), error = VALUES(error)

-- name: note_failed (sqlite)
INSERT INTO alert_sinks (sink, sent, failed, succeeded, erred, error) VALUES (%s, 0, 1, 0, %s, %s)
ON CONFLICT (sink) DO UPDATE SET failed = failed + 1, erred = excluded.erred, error = excluded.error
