"""Everything that touches a database or the disk.

`repository` stands in front: one method for each statement, whose SQL is read from `sql/queries`. `database` opens
connections to either engine, `schema` makes the tables, `writer` holds the statements of one transaction, and each
`*_store` keeps one family of tables. `chunks` lays events out as rows and compressed frames, `mysql` and `sqlite` know
their engine, `spool` keeps batches on the disk while the database is away.

This room imports `events` only.
"""
