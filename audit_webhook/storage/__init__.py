"""What the store keeps beside the events themselves, and under which ids.

Everything that touches a disk or a database moves here; for now the older modules still lie beside this room.
`row_ids` gives callers and actions ids of their own. `sqlite_file` opens an embedded database and knows whether its
files still are those of their names, `server_claim` keeps a second server from it, `file_rescue` saves what was stored
when its files were deleted or replaced. This room imports the pure rooms alone.
"""
