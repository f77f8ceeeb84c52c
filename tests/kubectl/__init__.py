"""Promises of the room `kubectl`."""
