-- How often what occurs: written with each chunk, summed by cluster and day in the background, read for pictures.

-- name: insert_tally
INSERT INTO tallies (id, cluster, chunks, events, content) VALUES (%s, %s, %s, %s, %s)

-- name: select_tallies
SELECT id, cluster, content FROM tallies WHERE id >= %s AND id < %s ORDER BY id

-- name: tallied_days
SELECT MIN(id), MAX(id) FROM tallies

-- name: tallied_clusters
SELECT cluster, SUM(events), MIN(id) FROM tallies GROUP BY cluster

-- name: list_fresh
SELECT id, cluster FROM tallies WHERE chunks = 0 ORDER BY id LIMIT %s

-- name: read_tallies
SELECT id, events, content FROM tallies WHERE id IN ({ids})

-- name: read_sum
SELECT chunks, events, content FROM tallies WHERE id = %s AND cluster = %s

-- name: delete_tallies
DELETE FROM tallies WHERE id IN (
    %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
    %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
    %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
    %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
)

-- name: delete_expired_tallies
DELETE FROM tallies WHERE id < %s

-- name: update_sum
UPDATE tallies SET chunks = %s, events = %s, content = %s WHERE id = %s AND cluster = %s AND chunks = %s

-- name: read_callers
SELECT id, cluster, username, user_groups, impersonated_user, source_ip, user_agent, client, kind, effective_user,
session, claimed_ips
FROM callers WHERE id IN ({ids})

-- name: has_cut_values
SELECT 1 FROM actions WHERE cut = 1 LIMIT 1

-- name: read_actions
SELECT id, verb, api_group, resource, subresource, code, level, stage, decision, manager, command, dry_run, truncated,
cut
FROM actions WHERE id IN ({ids})

-- name: count_matches (mysql)
SELECT e.caller_id, e.action_id, e.namespace, MIN(e.id), COUNT(*)
FROM events e {hint} {joins}
WHERE e.id >= %s AND e.id < %s AND {where}
GROUP BY e.caller_id, e.action_id, e.namespace, CONV(HEX(SUBSTR(e.id, 1, 6)), 16, 10) DIV %s

-- name: count_matches (sqlite)
SELECT e.caller_id, e.action_id, e.namespace, MIN(e.id), COUNT(*)
FROM events e {hint} {joins}
WHERE e.id >= %s AND e.id < %s AND {where}
GROUP BY e.caller_id, e.action_id, e.namespace, substr(e.id, 1, 6), %s

-- name: recent_chunks
SELECT k.id, k.received, k.events
FROM (SELECT chunk_id FROM postings WHERE field = %s AND value = %s ORDER BY chunk_id DESC LIMIT %s) d
JOIN chunks k ON k.id = d.chunk_id
ORDER BY k.id DESC
