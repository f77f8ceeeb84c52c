"""Receiving: what happens to a batch between the socket and the disk, and what is known of those who send.

`parts` cuts the body of a batch, while it still arrives, into parts that are small enough to be held in memory; each of
them is read and stored by itself. Walk through it in the order of a batch: the server (`audit_webhook.server`) admits
the request by its head, the blueprint hands the body to `Parts`, and `services.durable` keeps one part after the other.
The answer is 200 only when every part is durable. `senders` notes who sent and who was silent.

`apiserver_log`, with `log_wraps` and `lost_events`, finds in a kube-apiserver's own log the events that it gave up, and
`import_losses` stores them. Modules here import the pure modules of the package and `storage`, and no other room.
"""
