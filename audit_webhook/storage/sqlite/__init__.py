"""The files of an embedded database: opened, claimed by one server, and saved when they are lost.

`file` opens connections, and compares the open files with those of their names before and after each transaction.
`claim` keeps a second server from the same file, and tells other processes which files the server has open. `rescue`
saves what was stored when the files were deleted or replaced; `operate.file_watch` calls it each second. This room
imports `errors`, `deadline` and the standard library; `database` and everything that opens a file import it.
"""
