"""How events lie in the tables: `columns` files one event, `layout` a batch, `frames` packs their raw bytes.

`counts` adds them up for histograms, `grant_postings` posts permissions, `hash_chain` seals what was laid out.
"""
