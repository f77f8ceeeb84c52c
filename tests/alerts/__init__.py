"""Promises of the room `alerts`."""
