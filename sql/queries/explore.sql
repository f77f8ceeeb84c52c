-- What the pages of an actor and of permissions ask. The markers in braces are filled by audit_webhook/storage/search_sql.py.

-- name: callers_of
SELECT username, effective_user, user_groups, impersonated_user, source_ip, user_agent, client, kind, session,
claimed_ips, last_day
FROM callers
WHERE cluster = %s AND (effective_user = %s OR username = %s)
ORDER BY last_day DESC LIMIT %s

-- name: actors
SELECT effective_user, kind, MAX(last_day)
FROM callers
WHERE cluster = %s
GROUP BY effective_user, kind ORDER BY MAX(last_day) DESC, effective_user LIMIT %s

-- name: impersonators_of
SELECT username, MAX(last_day)
FROM callers
WHERE cluster = %s AND impersonated_user = %s AND effective_user <> impersonated_user
GROUP BY username ORDER BY username LIMIT %s

-- name: named_callers
SELECT id, effective_user, username, impersonated_user, kind FROM callers WHERE id IN ({ids})

-- name: active_chunks
SELECT p.chunk_id
FROM postings p {join} postings k ON k.field = %s AND k.value = %s AND k.chunk_id = p.chunk_id
WHERE p.field = %s AND p.value = %s
ORDER BY p.chunk_id DESC LIMIT %s

-- name: chunk_spans
SELECT id, first_id FROM chunks WHERE id IN ({ids}) ORDER BY id DESC

-- name: first_chunk
SELECT h.id, h.first_id
FROM postings p {join} chunks h ON h.id = p.chunk_id
WHERE p.field = %s AND p.value = %s AND h.cluster = %s
ORDER BY p.chunk_id LIMIT 1

-- name: grants
SELECT value, COUNT(*), MAX(chunk_id)
FROM postings
WHERE field = %s AND value >= %s AND value < %s AND chunk_id >= %s
GROUP BY value

-- name: requests
SELECT DISTINCT a.verb, a.api_group, a.resource, a.subresource, e.namespace, e.name, a.decision, a.code,
    c.impersonated_user, CASE WHEN LENGTH(a.resource) = 0 THEN e.request_uri ELSE a.resource END
FROM events e {hint} {joins}
WHERE e.id >= %s AND e.id < %s AND {where}
