-- Everything between two bounds goes: first the rows of events, then postings and tallies, then the chunks, so that no
-- row outlives its chunk.

-- name: expired
SELECT COUNT(*), COALESCE(SUM(events), 0), COALESCE(SUM(raw_bytes), 0), MIN(id) FROM chunks WHERE id >= %s AND id < %s

-- name: nth_expired_event
SELECT id FROM events WHERE id >= %s AND id < %s ORDER BY id LIMIT 1 OFFSET %s

-- name: nth_expired_chunk
SELECT id FROM chunks WHERE id >= %s AND id < %s ORDER BY id LIMIT 1 OFFSET %s

-- name: next_posted
SELECT field, value FROM postings
WHERE field > %s OR (field = %s AND value > %s)
ORDER BY field, value LIMIT 1

-- name: delete_events
DELETE FROM events WHERE id >= %s AND id < %s

-- name: delete_postings
DELETE FROM postings WHERE field = %s AND value = %s AND chunk_id >= %s AND chunk_id < %s

-- name: delete_old_tallies
DELETE FROM tallies WHERE id >= %s AND id < %s

-- name: delete_chunks
DELETE FROM chunks WHERE id >= %s AND id < %s

-- name: kept_late
SELECT chunk_id FROM late_chunks WHERE received >= %s AND chunk_id < %s

-- name: delete_late
DELETE FROM late_chunks WHERE received < %s

-- name: newest_chunk
SELECT MAX(id) FROM chunks

-- name: count_tallied
SELECT COALESCE(SUM(events), 0) FROM tallies

-- name: delete_callers
DELETE FROM callers WHERE last_day < %s AND id NOT IN (SELECT caller_id FROM events WHERE id >= %s)

-- name: delete_actions
DELETE FROM actions WHERE last_day < %s AND id NOT IN (SELECT action_id FROM events WHERE id >= %s)

-- name: delete_quarantined
DELETE FROM quarantine WHERE received < %s

-- name: delete_left_out
DELETE FROM quarantine_left_out WHERE received < %s

-- name: delete_old_readings
DELETE FROM readings WHERE id < %s

-- name: silent_arrivals (mysql)
SELECT cluster, MAX(received), SUM(events), SUM(duplicates), COUNT(*) FROM arrivals WHERE received < %s
GROUP BY cluster FOR UPDATE

-- name: silent_arrivals (sqlite)
SELECT cluster, MAX(received), SUM(events), SUM(duplicates), COUNT(*) FROM arrivals WHERE received < %s
GROUP BY cluster

-- name: delete_silent_arrivals
DELETE FROM arrivals WHERE cluster = %s AND received < %s
