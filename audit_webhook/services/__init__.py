"""One use case a module, as plain functions; no HTTP and no SQL."""
