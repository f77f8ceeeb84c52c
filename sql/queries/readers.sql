-- Sessions and tokens of readers, and the record of what they read.

-- name: insert_session
INSERT INTO reader_sessions (id, username, is_secure, made, seen, peer, mac)
VALUES (%s, %s, %s, %s, %s, %s, %s)

-- name: find_session
SELECT id, username, is_secure, made, seen, peer, mac FROM reader_sessions WHERE id = %s

-- name: touch_session
UPDATE reader_sessions SET seen = %s WHERE id = %s

-- name: delete_session
DELETE FROM reader_sessions WHERE id = %s

-- name: delete_old_sessions
DELETE FROM reader_sessions WHERE made < %s OR seen < %s

-- name: sessions
SELECT id, username, is_secure, made, seen, peer, mac FROM reader_sessions ORDER BY seen DESC LIMIT 200

-- name: count_try (mysql)
INSERT INTO login_tries (id, since, tries) VALUES (%s, %s, 1)
ON DUPLICATE KEY UPDATE
    tries = IF(since < %s, 1, tries + 1), since = IF(since < %s, VALUES(since), since)

-- name: count_try (sqlite)
INSERT INTO login_tries (id, since, tries) VALUES (%s, %s, 1)
ON CONFLICT (id) DO UPDATE SET
    tries = CASE WHEN since < %s THEN 1 ELSE tries + 1 END,
    since = CASE WHEN since < %s THEN excluded.since ELSE since END

-- name: _find_tries
SELECT tries, since FROM login_tries WHERE id = %s

-- name: undo_try
UPDATE login_tries SET tries = tries - 1 WHERE id = %s AND tries > 0

-- name: forget_tries
DELETE FROM login_tries WHERE id = %s

-- name: delete_old_tries
DELETE FROM login_tries WHERE since < %s

-- name: insert_token
INSERT INTO reader_tokens (id, username, label, made, ends, used, mac)
VALUES (%s, %s, %s, %s, %s, %s, %s)

-- name: find_token
SELECT id, username, label, made, ends, used, mac FROM reader_tokens WHERE id = %s

-- name: touch_token
UPDATE reader_tokens SET used = %s WHERE id = %s

-- name: delete_token
DELETE FROM reader_tokens WHERE id = %s

-- name: tokens
SELECT id, username, label, made, ends, used, mac FROM reader_tokens ORDER BY made DESC LIMIT 500

-- name: insert_reading
INSERT INTO readings (id, username, way, peer, action, target, status)
VALUES (%s, %s, %s, %s, %s, %s, %s)

-- name: readings
SELECT id, username, way, peer, action, target, status FROM readings WHERE id < %s ORDER BY id DESC LIMIT %s

-- name: readings_of
SELECT id, username, way, peer, action, target, status FROM readings WHERE id < %s AND username = %s
ORDER BY id DESC LIMIT %s
