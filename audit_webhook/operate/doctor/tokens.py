"""The tokens with which clusters send."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from audit_webhook.config import Config
from audit_webhook.errors import InvalidCluster
from audit_webhook.ingest.admission import check_cluster, read_token_lines
from audit_webhook.operate.doctor.finding import Finding, fail, ok, warn

CHECK: Final = "webhook tokens"
SHORTEST: Final = 24
_NEW: Final = "make a new one with `openssl rand -hex 32`"


def check_tokens(config: Config) -> Iterator[Finding]:
    """Look at the common token and at the folder of the clusters' own."""
    if config.webhook_token and len(config.webhook_token) < SHORTEST:
        yield warn(CHECK, f"WEBHOOK_TOKEN has only {len(config.webhook_token)} characters and may be guessed", _NEW)
    elif config.webhook_token:
        yield ok(CHECK, "WEBHOOK_TOKEN is valid for every cluster")
    if config.webhook_tokens_dir:
        yield from _check_folder(Path(config.webhook_tokens_dir), bool(config.webhook_token))
    elif not config.webhook_token:
        yield warn(CHECK, "there is none: whoever reaches the port may send", f"set WEBHOOK_TOKEN; {_NEW}")


def _check_folder(folder: Path, has_common: bool) -> Iterator[Finding]:
    owners: dict[bytes, set[str]] = defaultdict(set)
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        yield fail(CHECK, f"WEBHOOK_TOKENS_DIR cannot be read: {error}", "let the service's user read it")
        return
    for path in paths:
        yield from _check_file(path, owners)
    yield from (
        warn(CHECK, f"{', '.join(sorted(names))} have the same token: each may send as the other", _NEW)
        for names in owners.values() if len(names) > 1
    )
    clusters = len(set[str]().union(*owners.values()))
    if clusters or has_common:
        yield ok(CHECK, f"{clusters} clusters have tokens of their own in {folder}")
    else:
        what = f"no file in {folder} holds a token: nobody may send"
        yield fail(CHECK, what, f"add a file named like a cluster; {_NEW}")


def _check_file(path: Path, owners: dict[bytes, set[str]]) -> Iterator[Finding]:
    """Look at one file, and note whose its tokens are."""
    try:
        check_cluster(path.name)
        tokens = read_token_lines(path)
    except InvalidCluster as error:
        what = f"the file {path.name!r} counts for nobody: {error}"
        yield warn(CHECK, what, "name it like a cluster, or move it away")
        return
    except OSError as error:
        yield fail(CHECK, f"the file {path.name!r} cannot be read: {error}", "let the service's user read it")
        return
    if not tokens:
        yield warn(CHECK, f"the file {path.name!r} holds no token: this cluster may not send with one of its own", _NEW)
    if any(len(token) < SHORTEST for token in tokens):
        yield warn(CHECK, f"a token of {path.name} has less than {SHORTEST} characters and may be guessed", _NEW)
    for token in tokens:
        owners[token].add(path.name)
