"""Promises of the room `access`."""
