-- name: insert_chunk
INSERT INTO chunks (id, cluster, stream, sequence, received, first_id, events, raw_bytes, frames, content)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: insert_seal
INSERT INTO seals (stream, sequence, chunk_id, events, sealed, root, record, link)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)

-- name: insert_events
INSERT INTO events (id, chunk_id, chunk_offset, chunk_length, caller_id, action_id, audit_hash, namespace, name,
request_uri)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: insert_postings
INSERT INTO postings (field, value, chunk_id)
VALUES (%s, %s, %s)

-- name: insert_callers (mysql)
INSERT INTO callers (id, cluster, username, user_groups, impersonated_user, source_ip, user_agent, client, kind,
last_day)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON DUPLICATE KEY UPDATE last_day = GREATEST(last_day, VALUES(last_day))

-- name: insert_callers (sqlite)
INSERT INTO callers (id, cluster, username, user_groups, impersonated_user, source_ip, user_agent, client, kind,
last_day)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET last_day = MAX(last_day, excluded.last_day)

-- name: insert_actions (mysql)
INSERT INTO actions (id, verb, api_group, resource, subresource, code, level, stage, decision, manager, command,
dry_run, truncated, cut, last_day)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON DUPLICATE KEY UPDATE last_day = GREATEST(last_day, VALUES(last_day))

-- name: insert_actions (sqlite)
INSERT INTO actions (id, verb, api_group, resource, subresource, code, level, stage, decision, manager, command,
dry_run, truncated, cut, last_day)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET last_day = MAX(last_day, excluded.last_day)

-- name: record_arrival (mysql)
INSERT INTO arrivals (stream, cluster, sequence, received, events, duplicates)
VALUES (%s, %s, %s, %s, %s, %s)
ON DUPLICATE KEY UPDATE sequence = VALUES(sequence), received = VALUES(received), events = events + VALUES(events),
duplicates = duplicates + VALUES(duplicates)

-- name: record_arrival (sqlite)
INSERT INTO arrivals (stream, cluster, sequence, received, events, duplicates)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (stream, cluster) DO UPDATE SET sequence = excluded.sequence, received = excluded.received,
events = events + excluded.events, duplicates = duplicates + excluded.duplicates

-- name: insert_quarantined (mysql)
INSERT INTO quarantine (id, cluster, received, reason, raw_bytes, content)
VALUES (%s, %s, %s, %s, %s, %s)
ON DUPLICATE KEY UPDATE received = quarantine.received

-- name: insert_quarantined (sqlite)
INSERT INTO quarantine (id, cluster, received, reason, raw_bytes, content)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO NOTHING
