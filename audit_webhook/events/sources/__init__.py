"""Foreign and wrapped forms of audit events: recognised by shape, unwrapped to the event's own bytes. Pure.

`unwrap` takes one line or one JSON document: `text_prefixes` takes off what runtimes and syslog write before a line,
`containers` opens the objects of collectors and clouds, `google_cloud` and `azure_tables` translate forms that do not
hold the event itself, `encoded` unpacks base64 and gzip within a bound, `rewritten` restores an event that a shipper
wrote anew, `truncated` saves what is intact of one that was cut, `damaged` finds what is whole beside something broken,
and `not_audit` names what no audit event is. `joining` puts lines together that were split.

This family imports `json_scanner` and `lenient_json` of its own room only.
"""
