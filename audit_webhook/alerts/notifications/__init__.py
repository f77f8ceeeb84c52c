"""Tells people and programs of alerts: webhooks, Slack, Alertmanager and e-mail, as SINKS_FILE lists them.

`sink_files` reads that file, `sink_shelf` reads it again when it changed. `outbox` writes what each sink is to be told,
in the transaction of the alerts; `delivery` sends it, in one process of all, with a thread for each sink. `message`
says what a message holds, `formats` writes it for each kind, `http_post` and `mail` bring it there. `view` and
`blueprint` show how each sink fares. The package imports what the room `alerts` may.
"""
