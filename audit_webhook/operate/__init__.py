"""Running the service: background workers, and what operators look at.

`worker` repeats a task in a thread of its own, whatever the task raises; everything that goes on in the background is
one. `metric_names` lists the metrics with their meanings, `file_watch` looks after the file of an embedded database.

This room imports `errors`, `deadline`, `sqlite` and the standard library.
"""
