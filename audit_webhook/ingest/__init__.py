"""Receiving: what happens to a batch between the socket and the disk, and what is known of those who send.

Walk through it in the order of a batch: the server (`audit_webhook.operate.server`) asks `admission` by the request's
head, `blueprint` hands the body to `parts`, which cuts it while it arrives; `receive` splits, reads (`read_events`) and
lays out each part, and `durable` keeps it in the database or in the spool. The answer is 200 only when every part is
durable. `spool_drain` brings the spool into the database, `quarantine` bounds what is kept of unreadable items,
`senders` notes who sent and who was silent. `import_log` reads files of a log backend instead.

This room imports `events`, `storage` and `web`.
"""
