"""What all pages share: errors as answers, rendering, time limits, and where a request comes from.

`errors` holds the one table from domain errors to HTTP. `request_address` is the only module that reads the headers of
proxies, and only those of trusted ones. This room imports `query` for the messages of its errors.
"""
