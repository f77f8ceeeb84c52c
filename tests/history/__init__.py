"""Promises of the room `history`."""
