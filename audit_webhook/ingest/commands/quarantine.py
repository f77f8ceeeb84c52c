"""``audit-webhook quarantine``."""

from __future__ import annotations

import argparse
import base64
from typing import Final

import orjson

from audit_webhook import command_line
from audit_webhook.command_line import open_prepared
from audit_webhook.context import now
from audit_webhook.events.event import rfc3339
from audit_webhook.events.redaction.settings import make_redaction
from audit_webhook.events.visible_text import shown
from audit_webhook.ingest.requeue import retry_items
from audit_webhook.storage.quarantine_store import Kept, LeftOut
from audit_webhook.storage.repository import Repository

HELP: Final = "list, show, retry or clear quarantined items"
NOT_THERE: Final = 1
MOST_LISTED: Final = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do, and with which items."""
    parser.add_argument("action", choices=("list", "show", "retry", "clear"), help="what to do")
    parser.add_argument("id", nargs="?", default="", help="an item, as `list` names it; all of them without one")
    parser.add_argument("--cluster", default="", metavar="NAME", help="only items of this cluster")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="list so many at most (default: 100)")
    parser.add_argument("--all", action="store_true", help="clear every cluster")
    parser.add_argument("--json", action="store_true", help="write JSON")


def run(chosen: argparse.Namespace) -> int:
    """Do it; return 1 when there is no such item, or not every item could be read."""
    config = command_line.load_settings()
    repository = open_prepared(config)
    try:
        if chosen.id and _find(repository, chosen.id) is None:
            print(f"there is no item {shown(chosen.id)} in quarantine")
            return NOT_THERE
        if chosen.action == "list":
            return _list(repository, chosen)
        if chosen.action == "show":
            return _show(repository, chosen)
        if chosen.action == "clear":
            return _clear(repository, chosen)
        redaction = make_redaction(config.secret_key, config.read_redaction_rules())
        wanted = [bytes.fromhex(chosen.id)] if chosen.id else None
        stored, left = retry_items(repository, chosen.cluster, now(), redaction, wanted)
        said = f"{stored:,} stored, {left:,} still unreadable"
        print(_json({"stored": stored, "left": left}) if chosen.json else said)
        return NOT_THERE if left else 0
    finally:
        repository.close()


def _find(repository: Repository, text: str) -> Kept | None:
    try:
        return repository.quarantine.find_item(bytes.fromhex(text))
    except ValueError:
        return None


def _list(repository: Repository, chosen: argparse.Namespace) -> int:
    items = repository.quarantine.list_items(max(1, min(chosen.limit, MOST_LISTED)), chosen.cluster)
    left_out = [each for each in repository.quarantine.left_out() if chosen.cluster in ("", each.cluster)]
    if chosen.json:
        print(_json({"items": list(map(_document, items)), "left_out": list(map(_left_out_document, left_out))}))
        return 0
    for item in items:
        kept = f"{item.stored_bytes:,} bytes kept" if item.stored_bytes else "hash kept"
        print(f"{item.id.hex()}  {rfc3339(item.received)}  {item.cluster}  {item.raw_bytes:,} bytes, {kept}: "
              f"{shown(item.reason)}")
    for each in left_out:
        print(f"{each.cluster}: {each.items:,} more items of {each.raw_bytes:,} bytes were left out, the last at "
              f"{rfc3339(each.received)}: {shown(each.reason)}")
    if not items and not left_out:
        print("nothing is in quarantine")
    return 0


def _show(repository: Repository, chosen: argparse.Namespace) -> int:
    item = _find(repository, chosen.id)
    if item is None:
        print("name an item: audit-webhook quarantine show ID")
        return 2
    if chosen.json:
        print(_json({**_document(item), "content": base64.b64encode(item.content).decode()}))
        return 0
    print(f"cluster   {item.cluster}\nreceived  {rfc3339(item.received)}\nreason    {shown(item.reason)}")
    print(f"bytes     {item.raw_bytes:,}\nsha256    {item.digest.hex()}\n")
    print(shown(item.content.decode("utf-8", "backslashreplace")) if item.content else "(only the hash was kept)")
    return 0


def _clear(repository: Repository, chosen: argparse.Namespace) -> int:
    store = repository.quarantine
    if chosen.id:
        done = store.delete_item(bytes.fromhex(chosen.id))
    elif chosen.cluster or chosen.all:
        everywhere = {*store.usage(), *(each.cluster for each in store.left_out())}
        done = sum(store.delete_cluster(name) for name in ([chosen.cluster] if chosen.cluster else sorted(everywhere)))
    else:
        print("name an item, a cluster (--cluster NAME), or --all")
        return 2
    print(_json({"cleared": done}) if chosen.json else f"{done:,} items cleared")
    return 0


def _document(item: Kept) -> dict[str, object]:
    return {
        "id": item.id.hex(), "cluster": item.cluster, "received": rfc3339(item.received), "reason": item.reason,
        "bytes": item.raw_bytes, "sha256": item.digest.hex(), "stored_bytes": item.stored_bytes,
    }


def _left_out_document(each: LeftOut) -> dict[str, object]:
    return {
        "cluster": each.cluster, "items": each.items, "bytes": each.raw_bytes, "last_received": rfc3339(each.received),
        "last_reason": each.reason, "last_sha256": each.digest.hex(),
    }


def _json(document: object) -> str:
    """Write JSON without a character that a terminal obeys."""
    text = orjson.dumps(document).decode()
    return "".join(character if " " <= character <= "~" else f"\\u{ord(character):04x}" if ord(character) < 0x10000
                   else character for character in text)
