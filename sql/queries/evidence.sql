-- Seals and checkpoints: written while events are stored, read by `audit-webhook verify` and for proofs.

-- name: last_checkpoint
SELECT number, body, signature FROM checkpoints ORDER BY number DESC LIMIT 1

-- name: insert_checkpoint
INSERT INTO checkpoints (number, made, body, signature) VALUES (%s, %s, %s, %s)

-- name: delete_checkpoint
DELETE FROM checkpoints WHERE number = %s

-- name: checkpoints_after
SELECT number, made, body, signature FROM checkpoints WHERE number > %s ORDER BY number LIMIT %s

-- name: checkpoints_since
SELECT body, signature FROM checkpoints WHERE made >= %s ORDER BY made LIMIT %s

-- name: heads (mysql)
SELECT s.stream, s.sequence, s.link
FROM (SELECT stream, MAX(sequence) AS newest FROM seals GROUP BY stream) h
JOIN seals s ON s.stream = h.stream AND s.sequence = h.newest
ORDER BY s.stream

-- name: heads (sqlite)
WITH RECURSIVE streams (stream) AS (
    SELECT MIN(stream) FROM seals
    UNION ALL
    SELECT (SELECT MIN(n.stream) FROM seals n WHERE n.stream > p.stream) FROM streams p WHERE p.stream IS NOT NULL
)
SELECT s.stream, s.sequence, s.link
FROM streams t JOIN seals s
ON s.stream = t.stream AND s.sequence = (SELECT MAX(m.sequence) FROM seals m WHERE m.stream = t.stream)
ORDER BY s.stream

-- name: seal_after
SELECT 1 FROM seals WHERE sealed > %s LIMIT 1

-- name: seal_before
SELECT 1 FROM seals WHERE sealed < %s LIMIT 1

-- name: find_seal
SELECT stream, sequence, chunk_id, events, sealed, root, record, link FROM seals WHERE stream = %s AND sequence = %s

-- name: seals_after
SELECT s.stream, s.sequence, s.chunk_id, s.events, s.sealed, s.root, s.record, s.link,
CASE WHEN k.id IS NULL THEN 0 ELSE 1 END
FROM seals s LEFT JOIN chunks k ON k.id = s.chunk_id
WHERE s.stream = %s AND s.sequence > %s
ORDER BY s.sequence LIMIT %s

-- name: next_stream
SELECT stream FROM seals WHERE stream > %s ORDER BY stream LIMIT 1

-- name: delete_seals
DELETE FROM seals WHERE stream = %s AND sequence <= %s

-- name: sealed_chunks
SELECT k.id, k.cluster, k.received, k.first_id, k.events, k.raw_bytes, k.stream, k.sequence,
s.chunk_id, s.events, s.root, s.record, s.sealed
FROM chunks k LEFT JOIN seals s ON s.stream = k.stream AND s.sequence = k.sequence
WHERE k.id >= %s AND k.id < %s
ORDER BY k.id LIMIT %s

-- name: is_chunk_there
SELECT 1 FROM chunks WHERE id = %s

-- name: event_rows (mysql)
SELECT CONCAT(id, chunk_id, caller_id, action_id, CONCAT_WS(0x2C, chunk_offset, chunk_length, LENGTH(audit_key),
LENGTH(namespace), LENGTH(name), LENGTH(request_uri), CONCAT(audit_key, namespace, name, request_uri)))
FROM events WHERE id >= %s AND id < %s
ORDER BY id LIMIT %s

-- name: event_rows (sqlite)
SELECT id, chunk_id, chunk_offset, chunk_length, caller_id, action_id, audit_key, namespace, name, request_uri
FROM events WHERE id >= %s AND id < %s
ORDER BY id LIMIT %s

-- name: rows_of_chunk
SELECT id, chunk_id, chunk_offset, chunk_length, caller_id, action_id, audit_key, namespace, name, request_uri
FROM events WHERE id >= %s AND id < %s AND chunk_id = %s
ORDER BY chunk_offset, id

-- name: chunk_of_event
SELECT k.id, k.cluster, k.received, k.first_id, k.events, k.raw_bytes, k.stream, k.sequence
FROM events e JOIN chunks k ON k.id = e.chunk_id
WHERE e.id = %s

-- name: first_stored
SELECT (SELECT MIN(id) FROM chunks WHERE id >= %s), (SELECT MIN(id) FROM events WHERE id >= %s)

-- name: callers_after
SELECT id, cluster, username, user_groups, impersonated_user, source_ip, user_agent, client, kind, effective_user,
session, claimed_ips, last_day
FROM callers WHERE id > %s ORDER BY id LIMIT %s

-- name: actions_after
SELECT id, verb, api_group, resource, subresource, code, level, stage, decision, manager, command, dry_run, truncated,
cut, last_day
FROM actions WHERE id > %s ORDER BY id LIMIT %s

-- name: postings_after (mysql)
SELECT CONCAT(chunk_id, CONCAT_WS(0x2C, LENGTH(field), CONCAT(field, value))) FROM postings
WHERE field > %s OR (field = %s AND value > %s) OR (field = %s AND value = %s AND chunk_id > %s)
ORDER BY field, value, chunk_id LIMIT %s

-- name: postings_after (sqlite)
SELECT field, value, chunk_id FROM postings
WHERE field > %s OR (field = %s AND value > %s) OR (field = %s AND value = %s AND chunk_id > %s)
ORDER BY field, value, chunk_id LIMIT %s

-- name: tallies_between
SELECT id, cluster, chunks, events, content FROM tallies WHERE id >= %s AND id < %s

-- name: first_tally
SELECT MIN(id) FROM tallies WHERE id >= %s

-- name: chunk_ids_between
SELECT id FROM chunks WHERE id >= %s AND id < %s

-- name: late_chunks_after
SELECT chunk_id, received FROM late_chunks WHERE chunk_id > %s ORDER BY chunk_id LIMIT %s

-- name: arrivals
SELECT stream, cluster, sequence, received, events FROM arrivals

-- name: odd_events
SELECT 1 FROM events WHERE id < %s OR id IS NULL LIMIT 1

-- name: odd_chunks
SELECT 1 FROM chunks WHERE id < %s OR id IS NULL LIMIT 1

-- name: odd_callers
SELECT 1 FROM callers WHERE id < %s OR id IS NULL LIMIT 1

-- name: odd_actions
SELECT 1 FROM actions WHERE id < %s OR id IS NULL LIMIT 1

-- name: odd_tallies
SELECT 1 FROM tallies WHERE id < %s OR id IS NULL LIMIT 1

-- name: odd_seals
SELECT 1 FROM seals WHERE stream < %s OR stream IS NULL LIMIT 1

-- name: schema_objects
SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name

-- name: schema_tables
SELECT table_name, table_type, engine FROM information_schema.tables WHERE table_schema = DATABASE()

-- name: schema_columns
SELECT table_name, column_name, column_type, is_nullable, column_default, extra, generation_expression,
character_set_name
FROM information_schema.columns WHERE table_schema = DATABASE()

-- name: schema_keys
SELECT table_name, index_name, non_unique, column_name, sub_part, index_type FROM information_schema.statistics
WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index

-- name: schema_partitions
SELECT DISTINCT table_name, partition_method, partition_expression FROM information_schema.partitions
WHERE table_schema = DATABASE() AND partition_name IS NOT NULL

-- name: schema_triggers
SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()

-- name: schema_events
SELECT event_name FROM information_schema.events WHERE event_schema = DATABASE()
