"""What an audit event is, beyond its own members: facts that are read from its bodies, and who stands behind it.

Everything here is pure: values in, values out, no HTTP, no SQL, no clock. `bodies` reads single facts of a recorded
request or answer, each at its own place and nowhere else.

Modules of this room may import one another and the root's pure modules (`spans`, `tolerant`); every other room may
import them.
"""
