"""Takes secrets out of an event's bytes: bodies, URIs, commands, and copies of Secrets in annotations.

Start with `redact`, which decides what an event needs; `body_masker`, `path_masker`, `uri_masker` and `command_masker`
replace one kind of text each. `rules` reads what an administrator wants masked beside what is built in.
"""
