"""Evidence: what shows that nobody has changed what is stored.

`signer` makes checkpoints of the seals, `publisher` takes them out of the database's reach, `memory` keeps the newest
one beside the key, and `continuity` refuses to sign a history that does not continue it. `verify` compares what is
stored with seals, signatures and raw events; `proof` hands out what one event's proof needs; `self_check` looks every
minute.

This room imports `storage`, `ingest`, `search` and what lies below them.
"""
