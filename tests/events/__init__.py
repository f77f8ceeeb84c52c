"""Promises of the room `events`."""
