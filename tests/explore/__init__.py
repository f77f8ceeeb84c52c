"""Promises of the room `explore`."""
