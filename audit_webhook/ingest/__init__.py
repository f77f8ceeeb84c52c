"""Receiving: what happens to a batch between the socket and the disk.

`parts` cuts the body of a batch, while it still arrives, into parts that are small enough to be held in memory; each of
them is read and stored by itself. Walk through it in the order of a batch: the server (`audit_webhook.server`) admits
the request by its head, the blueprint hands the body to `Parts`, and `services.durable` keeps one part after the other.
The answer is 200 only when every part is durable.

Modules here work on bytes alone: they import the pure modules of the package and no other room.
"""
