"""Evidence: what shows that nobody has changed what is stored.

`memory` keeps the newest checkpoint beside the key, outside of the database; `continuity` refuses to sign a history
that does not continue it. `tables` compares the tables with those that this program makes.
This room may import the checkpoints, the keys and the evidence store; nothing here knows events, pages or readers.
"""
