"""What an audit event is, beyond its own members: facts that are read from its bodies, and who stands behind it.

Everything here is pure: values in, values out, no HTTP, no SQL, no clock. `wire` is an event as it stands in JSON;
`bodies` and `parameters` read single facts of a request, each at its own place and nowhere else. `identities` tells who
acted from names, groups and proxies, with the help of `programs` and `addresses`.

Modules of this room may import one another and the root's pure modules (`spans`, `tolerant`); every other room may
import them.
"""
