"""Who may read: users, sessions, API tokens, login limits, rights, and the record of what was read.

`gate` asks before every view; a route that is not in its table is refused. `authentication` knows users and proxies,
`keys` binds what readers hold to this installation, `row_macs` protects their rows in the database, `tokens` seals what
pages hand out. `access_log` records what readers searched, opened and exported.

This room imports `storage` and `web`.
"""
