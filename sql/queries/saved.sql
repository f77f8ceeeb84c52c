-- The searches that people saved, for all who use this store.

-- name: insert_search
INSERT INTO saved_searches (id, name, query, columns, saved, owner) VALUES (%s, %s, %s, %s, %s, %s)

-- name: list_searches
SELECT id, name, query, columns, saved, owner FROM saved_searches ORDER BY name

-- name: delete_search
DELETE FROM saved_searches WHERE id = %s
