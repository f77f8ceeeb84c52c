"""``kubectl audit``: questions to an audit webhook server from a terminal, with the standard library alone.

`main` parses the command line and runs a verb. `verbs` lists them; each verb asks the JSON interface through a
`Connection` and prints through `output`. `servers` remembers addresses and tokens in the user's configuration folder,
`environment` is the only module here that reads the environment, `targets` takes types and names as kubectl does.

The same verbs run under ``audit-webhook`` without a server, on the database itself: `operate.local_source` then takes
the place of the connection. `assistant` asks the same for an assistant; its module `protocol` alone imports a library,
when that command runs. This room imports pure modules of `events` and `history`.
"""
