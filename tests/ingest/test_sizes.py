"""What a kube-apiserver may send, what proxies let pass, what the service takes and its memory fit together.

Every number is read from the file that an operator uses.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from audit_webhook.config import Config
from audit_webhook.explore.setup.files import write_manifest_part
from audit_webhook.explore.setup.policy import TIERS
from audit_webhook.ingest.parts import ITEM_BYTES, PART_BYTES, WHOLE_BYTES
from audit_webhook.operate.server.gate import HELD_BYTES
from audit_webhook.operate.server.lanes import UPLOADS
from audit_webhook.operate.server.limits import SHARES
from tests.kustomization import KUSTOMIZE, render

MIB: Final = 1024**2
DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
PROXIES: Final = sorted([*DEPLOY.rglob("*.conf")])
ENVELOPE: Final = len(b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[]}\n')
TAKEN: Final[int] = Config.from_env({"WEBHOOK_TOKEN": "t"}).max_body_bytes
MEASURED: Final = 250 * MIB
"""What all processes together have at most while the largest batch of these flags is stored (docs/reliability.md)."""
_UNITS: Final = {"": 1, "k": 1024, "m": MIB, "g": 1024 * MIB}


def flag(manifest: str, name: str, default: int = 0) -> int:
    """Return the number that a flag of the manifest has."""
    found = re.search(rf"--audit-webhook-{name}=(\d+)", manifest)
    return int(found[1]) if found else default


def size_of(configuration: Path, directive: str) -> int:
    """Return the bytes that a directive of nginx names."""
    found = re.search(rf"^\s*{directive} (\d+)([kmg]?);", configuration.read_text("utf-8"), re.MULTILINE)
    assert found is not None, f"{configuration} has no {directive}"
    return int(found[1]) * _UNITS[found[2]]


def quantity(text: str) -> int:
    """Return the bytes of a quantity of Kubernetes in binary units."""
    return int(text[:-2]) * {"Mi": MIB, "Gi": 1024 * MIB}[text[-2:]]


def pods() -> list[dict[str, Any]]:
    """Return the spec of each pod that serves, in every overlay."""
    found = []
    for folder in ("base", "overlays/mariadb", "overlays/galera"):
        for one in render(KUSTOMIZE / folder):
            if one["kind"] in ("StatefulSet", "Deployment"):
                found.append(one["spec"]["template"]["spec"])
    return found


@pytest.mark.parametrize("tier", [tier for tier in TIERS if tier.key != "metadata"], ids=lambda tier: str(tier.key))
def test_largest_batch_of_the_flags_of_setup_is_taken(tier: Any) -> None:
    manifest = write_manifest_part(tier)
    events, event = flag(manifest, "batch-max-size"), flag(manifest, "truncate-max-event-size")
    assert "--audit-webhook-truncate-enabled=true" in manifest
    assert events * (event + len(",")) + ENVELOPE <= TAKEN
    assert event <= ITEM_BYTES
    # A kube-apiserver does not start when one event may be larger than what it calls a batch, 10 MiB unless told.
    assert event <= flag(manifest, "truncate-max-batch-size", 10 * MIB)


@pytest.mark.parametrize("configuration", PROXIES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_proxy_lets_pass_what_the_service_refuses_itself(configuration: Path) -> None:
    text = configuration.read_text("utf-8")
    assert size_of(configuration, "client_max_body_size") > TAKEN
    assert "proxy_request_buffering off;" in text, "a batch would be written to a temporary file before it is passed on"
    assert size_of(configuration, "client_body_buffer_size") <= MIB


def test_memory_of_the_pods_leaves_room_for_the_largest_batch() -> None:
    for pod in pods():
        for container in pod["containers"]:
            limit = quantity(container["resources"]["limits"]["memory"])
            if container["name"] == "audit-webhook":
                assert limit >= 2 * MEASURED + HELD_BYTES
            else:
                # nginx holds a buffer for each connection, and no body.
                assert limit >= 64 * MIB


def test_no_temporary_folder_has_to_hold_a_batch() -> None:
    for pod in pods():
        for volume in pod["volumes"]:
            assert "medium" not in volume.get("emptyDir", {}), "a temporary folder in memory counts as memory"
    compose = yaml.safe_load((DEPLOY.parent / "compose.yaml").read_text("utf-8"))
    assert compose["services"]["audit-webhook"]["tmpfs"] == ["/tmp:size=64m"]


def test_parts_in_memory_are_a_fraction_of_a_batch_and_of_what_is_held() -> None:
    assert WHOLE_BYTES <= PART_BYTES <= ITEM_BYTES
    assert UPLOADS * (PART_BYTES + WHOLE_BYTES) < HELD_BYTES < MEASURED
    assert UPLOADS // SHARES >= 1


def test_largest_packet_of_the_database_beside_it_holds_the_longest_event() -> None:
    compose = yaml.safe_load((DEPLOY.parent / "compose.yaml").read_text("utf-8"))
    (packet,) = re.findall(r"--max-allowed-packet=(\d+)M", " ".join(compose["services"]["mariadb"]["command"]))
    assert int(packet) * MIB >= 2 * ITEM_BYTES
