"""Promises of the room `ingest`."""
