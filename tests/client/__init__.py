"""Promises of the room `client`."""
