-- Senders, and what was lost or may have been.

-- name: read_senders
SELECT cluster, address, user_agent, first_heard, last_heard, batches, events, raw_bytes, usual_gap, refused,
last_refused, refused_kind
FROM senders ORDER BY cluster, address LIMIT 50000

-- name: read_sender (mysql)
SELECT cluster, address, user_agent, first_heard, last_heard, batches, events, raw_bytes, usual_gap, refused,
last_refused, refused_kind
FROM senders WHERE cluster = %s AND address = %s FOR UPDATE

-- name: read_sender (sqlite)
SELECT cluster, address, user_agent, first_heard, last_heard, batches, events, raw_bytes, usual_gap, refused,
last_refused, refused_kind
FROM senders WHERE cluster = %s AND address = %s

-- name: count_senders
SELECT COUNT(*), COALESCE(SUM(batches > 0), 0) FROM senders WHERE cluster = %s

-- name: count_sending_clusters
SELECT COUNT(*), COALESCE(SUM(taken > 0), 0) FROM (SELECT MAX(batches) taken FROM senders GROUP BY cluster) clusters

-- name: write_sender (mysql)
INSERT INTO senders (cluster, address, user_agent, first_heard, last_heard, batches, events, raw_bytes, usual_gap,
refused, last_refused, refused_kind)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON DUPLICATE KEY UPDATE user_agent = VALUES(user_agent), first_heard = VALUES(first_heard),
last_heard = VALUES(last_heard), batches = VALUES(batches), events = VALUES(events), raw_bytes = VALUES(raw_bytes),
usual_gap = VALUES(usual_gap), refused = VALUES(refused), last_refused = VALUES(last_refused),
refused_kind = VALUES(refused_kind)

-- name: write_sender (sqlite)
INSERT INTO senders (cluster, address, user_agent, first_heard, last_heard, batches, events, raw_bytes, usual_gap,
refused, last_refused, refused_kind)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (cluster, address) DO UPDATE SET user_agent = excluded.user_agent, first_heard = excluded.first_heard,
last_heard = excluded.last_heard, batches = excluded.batches, events = excluded.events,
raw_bytes = excluded.raw_bytes, usual_gap = excluded.usual_gap, refused = excluded.refused,
last_refused = excluded.last_refused, refused_kind = excluded.refused_kind

-- name: delete_sender
DELETE FROM senders WHERE cluster = %s AND address = %s

-- name: forget_senders
DELETE FROM senders WHERE last_heard < %s AND last_refused < %s

-- name: add_refused (mysql)
INSERT INTO losses (id, cluster, kind, reason, address, happened, ended, requests, unread, events, named, content)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON DUPLICATE KEY UPDATE happened = LEAST(happened, VALUES(happened)), ended = GREATEST(ended, VALUES(ended)),
requests = requests + VALUES(requests), unread = unread + VALUES(unread), events = events + VALUES(events)

-- name: add_refused (sqlite)
INSERT INTO losses (id, cluster, kind, reason, address, happened, ended, requests, unread, events, named, content)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET happened = MIN(happened, excluded.happened), ended = MAX(ended, excluded.ended),
requests = requests + excluded.requests, unread = unread + excluded.unread, events = events + excluded.events

-- name: refused_addresses
SELECT DISTINCT cluster, address FROM losses WHERE happened >= %s AND requests > 0 LIMIT 10000

-- name: find_named
SELECT named FROM losses WHERE id = %s

-- name: insert_loss
INSERT INTO losses (id, cluster, kind, reason, address, happened, ended, requests, unread, events, named, content)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: delete_loss
DELETE FROM losses WHERE id = %s

-- name: find_loss
SELECT id, cluster, kind, reason, address, happened, ended, requests, unread, events, named, content
FROM losses WHERE id = %s

-- name: list_losses
SELECT id, cluster, kind, reason, address, happened, ended, requests, unread, events, named
FROM losses WHERE happened >= %s AND happened < %s ORDER BY happened DESC LIMIT %s

-- name: sum_losses
SELECT cluster, kind, COUNT(*), SUM(requests), SUM(unread), SUM(events), SUM(named)
FROM losses WHERE happened >= %s AND ended >= %s GROUP BY cluster, kind ORDER BY cluster, kind LIMIT 10000

-- name: plot_losses (mysql)
SELECT cluster, kind, happened DIV %s, COUNT(*), SUM(requests), SUM(events)
FROM losses WHERE happened >= %s GROUP BY cluster, kind, happened DIV %s LIMIT 50000

-- name: plot_losses (sqlite)
SELECT cluster, kind, happened / %s, COUNT(*), SUM(requests), SUM(events)
FROM losses WHERE happened >= %s GROUP BY cluster, kind, happened / %s LIMIT 50000

-- name: forget_losses
DELETE FROM losses WHERE ended < %s
