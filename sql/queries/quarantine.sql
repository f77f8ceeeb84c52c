-- What could not be read, and how much of each cluster there was no room for.

-- name: insert_quarantined (mysql)
INSERT INTO quarantine (id, cluster, received, reason, raw_bytes, digest, stored_bytes, content)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON DUPLICATE KEY UPDATE received = quarantine.received

-- name: insert_quarantined (sqlite)
INSERT INTO quarantine (id, cluster, received, reason, raw_bytes, digest, stored_bytes, content)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO NOTHING

-- name: count_left_out (mysql)
INSERT INTO quarantine_left_out (cluster, items, raw_bytes, received, reason, digest)
VALUES (%s, %s, %s, %s, %s, %s)
ON DUPLICATE KEY UPDATE items = items + VALUES(items), raw_bytes = raw_bytes + VALUES(raw_bytes),
received = VALUES(received), reason = VALUES(reason), digest = VALUES(digest)

-- name: count_left_out (sqlite)
INSERT INTO quarantine_left_out (cluster, items, raw_bytes, received, reason, digest)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (cluster) DO UPDATE SET items = items + excluded.items, raw_bytes = raw_bytes + excluded.raw_bytes,
received = excluded.received, reason = excluded.reason, digest = excluded.digest

-- name: quarantine_usage
SELECT cluster, COUNT(*), SUM(stored_bytes) FROM quarantine GROUP BY cluster ORDER BY cluster

-- name: quarantine_left_out
SELECT cluster, items, raw_bytes, received, reason, digest FROM quarantine_left_out ORDER BY cluster

-- name: quarantined_ids
SELECT id FROM quarantine WHERE id IN ({ids})

-- name: list_quarantined
SELECT id, cluster, received, reason, raw_bytes, digest, stored_bytes FROM quarantine
ORDER BY received DESC, id LIMIT %s

-- name: list_quarantined_of
SELECT id, cluster, received, reason, raw_bytes, digest, stored_bytes FROM quarantine WHERE cluster = %s
ORDER BY received DESC, id LIMIT %s

-- name: find_quarantined
SELECT id, cluster, received, reason, raw_bytes, digest, stored_bytes, content FROM quarantine WHERE id = %s

-- name: clear_quarantined
DELETE FROM quarantine WHERE id = %s

-- name: clear_quarantine_of
DELETE FROM quarantine WHERE cluster = %s

-- name: clear_left_out_of
DELETE FROM quarantine_left_out WHERE cluster = %s
