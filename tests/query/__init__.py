"""Promises of the room `query`."""
