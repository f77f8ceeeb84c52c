"""Promises of the room `humanize`."""
