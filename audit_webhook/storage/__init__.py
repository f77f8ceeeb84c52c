"""What the store keeps beside the events themselves, and under which ids.

Everything that touches a disk or a database moves here; for now the older modules still lie beside this room.
`row_ids` gives callers and actions ids of their own. A module here may import the pure rooms, the modules that speak
SQL and the repository; services import it, never the other way round.
"""
