-- name: insert_chunk
INSERT INTO chunks (id, cluster, stream, sequence, received, first_id, events, raw_bytes, frames, content)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: insert_late
INSERT INTO late_chunks (chunk_id, received) VALUES (%s, %s)

-- name: insert_seal
INSERT INTO seals (stream, sequence, chunk_id, events, sealed, root, record, link)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)

-- name: insert_events
INSERT INTO events (id, chunk_id, chunk_offset, chunk_length, caller_id, action_id, audit_key, namespace, name,
request_uri)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: insert_postings
INSERT INTO postings (field, value, chunk_id)
VALUES (%s, %s, %s)

-- A row whose id another row holds is refused: NULL is no day.

-- name: insert_callers (mysql)
INSERT INTO callers (id, cluster, username, user_groups, impersonated_user, source_ip, user_agent, client, kind,
effective_user, session, claimed_ips, last_day)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON DUPLICATE KEY UPDATE last_day = IF(
    VALUES(cluster) = callers.cluster AND username = VALUES(username) AND user_groups = VALUES(user_groups) AND
    impersonated_user = VALUES(impersonated_user) AND source_ip = VALUES(source_ip) AND
    user_agent = VALUES(user_agent) AND client = VALUES(client) AND kind = VALUES(kind),
    GREATEST(last_day, VALUES(last_day)), NULL)

-- name: insert_callers (sqlite)
INSERT INTO callers (id, cluster, username, user_groups, impersonated_user, source_ip, user_agent, client, kind,
effective_user, session, claimed_ips, last_day)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET last_day = CASE WHEN
    cluster = excluded.cluster AND username = excluded.username AND user_groups = excluded.user_groups AND
    impersonated_user = excluded.impersonated_user AND source_ip = excluded.source_ip AND
    user_agent = excluded.user_agent AND client = excluded.client AND kind = excluded.kind
    THEN MAX(last_day, excluded.last_day) END

-- name: insert_actions (mysql)
INSERT INTO actions (id, verb, api_group, resource, subresource, code, level, stage, decision, manager, command,
dry_run, truncated, cut, last_day)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON DUPLICATE KEY UPDATE last_day = IF(
    verb = VALUES(verb) AND api_group = VALUES(api_group) AND resource = VALUES(resource) AND
    subresource = VALUES(subresource) AND code = VALUES(code) AND level = VALUES(level) AND
    stage = VALUES(stage) AND decision = VALUES(decision) AND manager = VALUES(manager) AND
    command = VALUES(command) AND dry_run = VALUES(dry_run) AND truncated = VALUES(truncated) AND cut = VALUES(cut),
    GREATEST(last_day, VALUES(last_day)), NULL)

-- name: insert_actions (sqlite)
INSERT INTO actions (id, verb, api_group, resource, subresource, code, level, stage, decision, manager, command,
dry_run, truncated, cut, last_day)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET last_day = CASE WHEN
    verb = excluded.verb AND api_group = excluded.api_group AND resource = excluded.resource AND
    subresource = excluded.subresource AND code = excluded.code AND level = excluded.level AND
    stage = excluded.stage AND decision = excluded.decision AND manager = excluded.manager AND
    command = excluded.command AND dry_run = excluded.dry_run AND truncated = excluded.truncated AND
    cut = excluded.cut
    THEN MAX(last_day, excluded.last_day) END

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
