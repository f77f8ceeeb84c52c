"""Running the service: processes and sockets, background work, metrics, and the checks of ``doctor``.

`server` runs waitress in worker processes and answers pages in a process of their own. `maintenance` and `daily` do
what has to be done in the background, `metrics` counts, `blueprint` serves health and metrics, `doctor` examines an
installation and says what to do.

This room imports `access`, `evidence`, `ingest` and `storage`.
"""
