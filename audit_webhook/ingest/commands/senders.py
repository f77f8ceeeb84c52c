"""``audit-webhook senders``."""

from __future__ import annotations

import argparse
from typing import Final

import orjson

from audit_webhook import command_line
from audit_webhook.command_line import open_prepared
from audit_webhook.context import now
from audit_webhook.events.event import rfc3339
from audit_webhook.events.visible_text import shown, write_out_json
from audit_webhook.ingest.senders import state_of
from audit_webhook.storage.sender_store import Sender, SenderStore

HELP: Final = "list the senders of each cluster, or forget one that is gone for good"
NOT_THERE, MISTAKE = 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do, and with which sender."""
    parser.add_argument("action", choices=("list", "forget"), help="what to do")
    parser.add_argument("cluster", nargs="?", default="", help="only this cluster")
    parser.add_argument("address", nargs="?", default="", help="the sender's address, as `list` shows it")
    parser.add_argument("--json", action="store_true", help="write JSON")


def run(chosen: argparse.Namespace) -> int:
    """Do it; return 1 when there is no such sender."""
    repository = open_prepared(command_line.load_settings())
    try:
        store = SenderStore(repository.database)
        if chosen.action == "list":
            return _list(store, chosen)
        if not chosen.cluster or not chosen.address:
            print("name a cluster and an address: audit-webhook senders forget CLUSTER ADDRESS")
            return MISTAKE
        return _forget(store, chosen)
    finally:
        repository.close()


def _list(store: SenderStore, chosen: argparse.Namespace) -> int:
    moment = now()
    found = [
        each for each in store.read_senders()
        if chosen.cluster in ("", each.cluster) and chosen.address in ("", each.address)
    ]
    if chosen.json:
        print(write_out_json(orjson.dumps([_document(each, moment) for each in found]).decode()))
        return 0
    for each in found:
        heard = f"last heard {rfc3339(each.last_heard)}" if each.last_heard else "nothing was ever taken"
        print(f"{each.cluster}  {shown(each.address) or '(others)'}  {state_of(each, moment)}, {heard}, "
              f"{each.batches:,} batches, {each.refused:,} refused")
    if not found:
        print("there is no sender")
    return 0


def _forget(store: SenderStore, chosen: argparse.Namespace) -> int:
    """Forget one: one that sends again is listed again."""
    is_done = store.delete_sender(chosen.cluster, chosen.address)
    if chosen.json:
        print(orjson.dumps({"forgotten": int(is_done)}).decode())
    else:
        name = f"{shown(chosen.address)} of {shown(chosen.cluster)}"
        print(f"{name} is forgotten" if is_done else f"there is no sender {name}")
    return 0 if is_done else NOT_THERE


def _document(sender: Sender, moment: int) -> dict[str, object]:
    return {
        "cluster": sender.cluster, "address": sender.address, "state": state_of(sender, moment),
        "last_heard": rfc3339(sender.last_heard) if sender.last_heard else None, "batches": sender.batches,
        "events": sender.events, "refused": sender.refused,
    }
