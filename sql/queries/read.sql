-- The markers in braces are filled by audit_webhook/storage/search_sql.py with text of our own, never with a value.

-- name: copies
SELECT id FROM events WHERE audit_key = %s AND id < %s ORDER BY id DESC LIMIT 10000

-- name: stored_ids
SELECT id FROM events WHERE id IN ({ids})

-- name: find_event
SELECT e.id, e.chunk_id, e.chunk_offset, e.chunk_length
FROM events e {hint} {joins}
WHERE e.id = %s AND {where}

-- name: select_events
SELECT e.id, e.chunk_id, e.chunk_offset, e.chunk_length
FROM events e {hint} {joins}
WHERE e.id >= %s AND e.id < %s AND {where}
ORDER BY e.id DESC LIMIT %s

-- name: select_callers
SELECT c.id FROM callers c WHERE {where} LIMIT %s

-- name: select_actions
SELECT a.id FROM actions a WHERE {where} LIMIT %s

-- name: select_chunks
SELECT k.id, k.first_id
FROM chunks k
WHERE k.id >= %s AND k.id < %s AND k.first_id < %s AND {test}
ORDER BY k.id DESC LIMIT %s

-- name: select_driven_chunks
SELECT k.id, k.first_id
FROM postings d {join} chunks k ON k.id = d.chunk_id
WHERE d.field = %s AND d.value = %s AND d.chunk_id >= %s AND d.chunk_id < %s AND k.first_id < %s AND {test}
ORDER BY d.chunk_id DESC LIMIT %s

-- name: read_chunks
SELECT id, cluster, received, frames, content FROM chunks WHERE id IN ({ids})

-- name: recent_values
SELECT {column}, COUNT(*)
FROM (SELECT * FROM events WHERE id >= %s AND id < %s ORDER BY id DESC LIMIT %s) e {joins}
WHERE INSTR({column}, %s) > 0 AND {where}
GROUP BY {column} ORDER BY COUNT(*) DESC LIMIT 200

-- name: posted_values
SELECT value FROM postings WHERE field = %s AND value >= %s AND value < %s
GROUP BY value ORDER BY value LIMIT %s

-- name: chunk_contents
SELECT id, frames, content FROM chunks WHERE id IN ({ids})

-- name: oldest_chunk
SELECT first_id FROM chunks WHERE id >= %s ORDER BY id LIMIT 1

-- name: arrived_chunks
SELECT k.id, k.first_id, k.sequence FROM chunks k
WHERE k.stream = %s AND k.sequence > %s AND k.sequence <= %s AND k.received >= %s AND {test}
ORDER BY k.sequence LIMIT %s

-- name: positions
SELECT a.stream, MAX(a.sequence) FROM arrivals a WHERE a.received >= %s AND {test} GROUP BY a.stream

-- name: contacts
SELECT cluster, MAX(received), SUM(events), SUM(duplicates) FROM arrivals GROUP BY cluster ORDER BY cluster
