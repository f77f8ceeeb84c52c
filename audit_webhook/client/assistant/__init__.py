"""``audit-webhook mcp``: questions of an assistant to an audit webhook server, over the Model Context Protocol.

`command` is the command, `protocol` the only module that imports the SDK, and only when the command runs. `tools` lists
the tools: each has a description, arguments (`arguments`) and a function that asks the same verbs and the same JSON
interface as ``kubectl audit`` does. `results` bounds and counts what they found, `safe_text` takes away what a text
from an event could do to the assistant that reads it. Every tool only reads, with the rights of the token.
"""
