"""Promises of the room `search`."""
