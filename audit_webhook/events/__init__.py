"""What an audit event is: from bytes to an `Event`, and what can be read from it.

`split` cuts the body of a post into the bytes of each event, `decode` turns one into an `Event`, `ids` names it by its
content, and `limits` cuts its texts to what the tables keep. `bodies`, `parameters`, `times` and `identities` each read
single facts at the one place where they stand. `redaction` takes secrets out of the bytes before anything is hashed,
stored or logged. `visible_text` makes texts safe to read.

Everything here is pure: values in, values out; no HTTP, no SQL, no clock. This room imports no other.
"""
