"""Promises of the room `evidence`."""
