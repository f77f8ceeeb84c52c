"""The query language of search box, live view and API: one parser, one tree, two compilers.

`tokens` and `parse` turn text into the tree of `syntax`; `fields` lists what can be asked; `to_sql` compiles the tree
for the database, `predicate` for an event in memory; `postings` and `needles` find what narrows a search at once;
`edit` narrows or widens a query as a click asks for. Pure functions; this room imports `events` and, for how
values lie in rows, `storage.chunks`.
"""

from audit_webhook.query.edit import quote, term_value, with_term
from audit_webhook.query.fields import Field
from audit_webhook.query.needles import needles
from audit_webhook.query.parse import parse
from audit_webhook.query.postings import driving, indexed, necessary, time_bounds
from audit_webhook.query.predicate import Predicate, compile_predicate
from audit_webhook.query.syntax import And, Node, QueryError
from audit_webhook.query.to_sql import compile_parts, compile_where

__all__ = [
    "And",
    "Field",
    "Node",
    "Predicate",
    "QueryError",
    "compile_parts",
    "compile_predicate",
    "compile_where",
    "driving",
    "indexed",
    "necessary",
    "needles",
    "parse",
    "quote",
    "term_value",
    "time_bounds",
    "with_term",
]
