"""Promises of the room `operate`."""
