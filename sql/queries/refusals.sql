-- name: record_refusal (mysql)
INSERT INTO refusals (cluster, refused, reason, peer)
VALUES (%s, %s, %s, %s)
ON DUPLICATE KEY UPDATE refused = VALUES(refused), reason = VALUES(reason), peer = VALUES(peer)

-- name: record_refusal (sqlite)
INSERT INTO refusals (cluster, refused, reason, peer)
VALUES (%s, %s, %s, %s)
ON CONFLICT (cluster) DO UPDATE SET refused = excluded.refused, reason = excluded.reason, peer = excluded.peer

-- name: count_refusals (mysql)
INSERT INTO refusal_counts (day, cluster, kind, requests)
VALUES (%s, %s, %s, %s)
ON DUPLICATE KEY UPDATE requests = requests + VALUES(requests)

-- name: count_refusals (sqlite)
INSERT INTO refusal_counts (day, cluster, kind, requests)
VALUES (%s, %s, %s, %s)
ON CONFLICT (day, cluster, kind) DO UPDATE SET requests = requests + excluded.requests

-- name: last_refusals
SELECT cluster, refused, reason, peer FROM refusals ORDER BY refused DESC LIMIT 1000

-- name: refused_since
SELECT cluster, kind, SUM(requests) FROM refusal_counts WHERE day >= %s GROUP BY cluster, kind ORDER BY cluster, kind

-- name: refused_names
SELECT cluster FROM refusals

-- name: heard_names
SELECT DISTINCT cluster FROM arrivals

-- name: forget_refusals
DELETE FROM refusals WHERE refused < %s

-- name: forget_refusal_counts
DELETE FROM refusal_counts WHERE day < %s
