"""The metrics and their meanings, as Prometheus and the documentation show them."""

from __future__ import annotations

from typing import Final

MEANINGS: Final = {
    "audit_webhook_events_received_total": "Events that arrived in batches, by cluster.",
    "audit_webhook_events_total": "What became of the events received, by cluster and outcome: stored, spooled, "
    "quarantined, duplicate (stored before) or refused (answered with an error, so sent again).",
    "audit_webhook_events_drained_total": "Spooled events that have reached the database, by cluster.",
    "audit_webhook_bytes_received_total": "Bytes of the bodies of batches, by cluster.",
    "audit_webhook_bytes_total": "The same bytes by cluster and outcome: the first of stored, spooled, quarantined, "
    "duplicate and refused that any event of the batch came to.",
    "audit_webhook_bytes_drained_total": "Bytes of the spooled events that have reached the database, by cluster.",
    "audit_webhook_lag_seconds": "From the stageTimestamp of the oldest event of a batch until the batch was stored, "
    "by cluster.",
    "audit_webhook_last_contact_timestamp_seconds": "When a batch of the cluster was last taken, since the epoch.",
    "audit_webhook_requests_refused_total": "Requests that were refused, by reason; token, forbidden, cluster, "
    "encoding, size, overload, framing and slow are refused before their body is read.",
    "audit_webhook_request_seconds": "From the last byte of a request until its answer, waiting included, by route.",
    "audit_webhook_requests_in_flight": "Batches that are being received or worked on, as of the last second.",
    "audit_webhook_bytes_in_flight": "Bytes of these batches.",
    "audit_webhook_spool_bytes": "Bytes that wait in the spool.",
    "audit_webhook_spool_oldest_seconds": "Age of the oldest batch in the spool; 0 when it is empty.",
    "audit_webhook_disk_free_bytes": "Bytes free on a disk that the service writes to, by disk: database (an embedded "
    "one) or spool.",
    "audit_webhook_disk_size_bytes": "Size of these disks.",
    "audit_webhook_last_checkpoint_timestamp_seconds": "When the newest checkpoint over what is stored was signed, by "
    "whichever process, since the epoch; 0 when none was, no value when nothing is to be signed.",
    "audit_webhook_evidence_breaks_total": "What the service's own look at the newest checkpoints and seals found "
    "wrong, by kind, as `audit-webhook verify` names it; each thing once, by the process that has seen the most.",
    "audit_webhook_background_failures_total": "Runs of a background task that ended with an unforeseen error and were "
    "tried again, by task.",
    "audit_webhook_retention_held_back": "1 while retention deletes nothing because the clock, or how much would go at "
    "once, looks wrong, else 0; no value where events are kept for ever.",
    "audit_webhook_process_starts_total": "Starts of worker processes, the first ones included.",
    "audit_webhook_sender_last_contact_timestamp_seconds": "When a batch of the sender was last taken, since the "
    "epoch, by cluster and address; 0 for a sender of which everything was refused.",
    "audit_webhook_sender_silent": "1 for a sender that has been silent far longer than usual (for up to seven days), "
    "or of which everything is refused now, else 0; by cluster and address.",
    "audit_webhook_senders_missing": "How many fewer senders of the cluster are heard than `EXPECTED_SENDERS` says.",
    "audit_webhook_refused_requests_last_hour": "Requests that were refused within the last hour, by cluster and "
    "reason; an empty cluster stands for names that are not listed.",
    "audit_webhook_events_given_up": "Events of the last 31 days that kube-apiservers gave up according to their own "
    "logs, as imported, by cluster.",
    "audit_webhook_gaps_last_hour": "Gaps that ended within the last hour, by cluster and kind: pause (a sender was "
    "silent far longer than usual) or restart (its version changed).",
    "audit_webhook_quarantine_items": "Items that are kept in quarantine, by cluster, as of the last half minute.",
    "audit_webhook_quarantine_bytes": "Bytes of these items, as they are stored.",
    "audit_webhook_quarantine_left_out": "Items of the cluster that the quarantine had no room for.",
    "audit_webhook_notifications_waiting": "Messages that wait for a sink, those of quiet hours included.",
    "audit_webhook_notifications_dead": "Messages that failed for good and were not sent again yet, by sink.",
    "audit_webhook_notifications_oldest_seconds": "How long ago the first message that still waits was due, by sink; 0 "
    "when none is due.",
    "audit_webhook_notifications_sent_total": "Messages that a sink took, in all processes.",
    "audit_webhook_notifications_failed_total": "Tries that failed, by sink.",
}
