"""Searching what is stored: pages of results, and how far they can be trusted.

`completeness` says when an answer may leave something out, which it then says itself.

This room imports `query`, the repository and the pure rooms; nothing below it knows of HTTP.
"""
