"""Rules, the alerts that they raise, and what people do about these.

`rule_files` reads rules from TOML: the built-in ones of the folder ``rules`` and those of ``RULES_DIR``. `rule_book`
compiles their queries and finds the few rules that an event can match. `windows` remembers what thresholds, sequences
and rules about something new need. `evaluation` follows the chunks in the order of their arrival, in one process of
all, and stores alerts together with the position. `inbox` and `blueprint` show alerts and take what people decide;
`replay` tries a rule on history. Without this room, all else receives, stores and searches.
"""
