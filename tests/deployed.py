"""Trials of what is deployed: the image as a container, and connections that idle behind nginx; for `make soak`."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from tests.apiserver import ApiServer, batches
from tests.factories import event_list
from tests.image import Container, Images
from tests.ledger import Verdict
from tests.mariadb import MariaDB, free_port
from tests.nginx import Front
from tests.serving import TOKEN
from tests.small_disk import MIB
from tests.trials import Arena
from tools import sbom

# Compilers, what installs packages, caches, and anything of the tests; a base image's own Python may bring its pip.
UNWANTED: Final = re.compile(
    r"bin/([\w-]*(gcc|g\+\+)|cc|c\+\+|clang|make|as|ld)(-[\d.]+)?$|(^|/)\.?cache/pip(/|$)"
    r"|^opt/.*/(tests?|pip|setuptools|wheel)(/|$)|^opt/build|^src(/|$)|\.(whl|tar\.gz)$"
)
OF_THE_BASE: Final = re.compile(r"^(proc|sys|dev|usr/share/python-wheels|usr/lib/python3)/")
MOST_BYTES: Final = 80 * MIB
PROOF: Final = "p" * 40


def run_image(base: str = "") -> Callable[[Path, MariaDB], tuple[Arena, Verdict, str]]:
    """Build the image on a base (one made by debootstrap when none is named), run it confined, stop and start it."""

    def trial(folder: Path, server: MariaDB) -> tuple[Arena, Verdict, str]:
        with Images(_fresh(folder / "images")) as images:
            images.build(base or images.make_base())
            system = images.unpack()
            size, unwanted = weigh(system / "opt"), list_unwanted(system) + list_unpinned(system)
            assert not unwanted and size <= MOST_BYTES, f"{size} bytes; {unwanted[:20]}"
            container = Container(_fresh(folder / "container"), system, images.settings())
            try:
                arena, verdict, seconds = _use(container)
            finally:
                container.end()
        return arena, verdict, f"{size / MIB:.0f} MiB on top of the base; stopped in {seconds:.1f} s with exit code 0"

    return trial


def _use(container: Container) -> tuple[Arena, Verdict, float]:
    """Send batches before and after a stop by SIGTERM, the first one twice; look at the confinement."""
    arena = Arena(container.folder, DB_PATH=str(container.data / "audit.db"))
    sent = [*batches(20, 100)]
    for half in (sent[:10], sent[10:] + sent[:1]):
        container.start()
        api = ApiServer(container.url, arena.ledger, token=TOKEN)
        assert all(api.send(batch) for batch in half)
        api.close()
        check_confinement(container)
        code, seconds = container.stop()
        assert code == 0, f"exit code {code}"
    return arena, arena.judge(), seconds


def check_confinement(container: Container) -> None:
    """Hold the running container to what the manifests of deploy/ promise."""
    state = container.state()
    assert state["Uid"].split() == ["65532"] * 4 and state["Gid"].split() == ["65532"] * 4
    assert {int(state[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert state["NoNewPrivs"] == "1"
    written = container.run("python3", "-c", "open('/opt/audit-webhook/new', 'w')")
    assert b"Read-only file system" in written.stderr
    assert container.ask_health() == 0


def list_unwanted(system: Path) -> list[str]:
    """Give the paths in an image that have no business there."""
    found = (str(path.relative_to(system)) for path in system.rglob("*"))
    return [path for path in found if UNWANTED.search(path) and not OF_THE_BASE.search(path)]


def list_unpinned(system: Path) -> list[str]:
    """Give the packages in an image that are not the ones, in the version, that the bill of materials names."""
    document = json.loads(sbom.write_document())
    named = {f"{one['name']}=={one['version']}" for one in [*document["components"], document["metadata"]["component"]]}
    packages = next(system.glob("opt/audit-webhook/lib/python3*/site-packages"))
    found = {f"{canonicalize_name(one.name)}=={one.version}" for one in distributions(path=[str(packages)])}
    missing = [f"{name} is missing" for name in ("flask", "waitress", "orjson") if f"{name}==" not in "".join(found)]
    return sorted(found - named) + missing


def weigh(folder: Path) -> int:
    """Give the bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def idle_behind_nginx(idle: float, count: int) -> Callable[[Path, MariaDB], tuple[Arena, Verdict, str]]:
    """Send batches on one connection through nginx with TLS, with a long silence in the middle."""

    def trial(folder: Path, server: MariaDB) -> tuple[Arena, Verdict, str]:
        arena = Arena(folder, server)
        front = Front(_fresh(folder / "nginx"), arena.service.port, free_port(), free_port(), PROOF)
        with arena.service, front:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", front.port, timeout=30, context=front.certificate.client_context()
            )
            connection.connect()
            opened = connection.sock
            for number, batch in enumerate(batches(count, 10)):
                if number == count // 2:
                    time.sleep(idle)
                _post(arena, connection, batch)
            assert connection.sock is opened, "the connection was closed"
            connection.close()
            return arena, arena.judge(), f"one connection, {idle:.0f} s idle in the middle"

    return trial


def _post(arena: Arena, connection: http.client.HTTPSConnection, batch: list[bytes]) -> None:
    arena.ledger.note_sent(batch)
    connection.request("POST", "/webhook/audit/prod?timeout=30s", event_list(batch))
    answer = connection.getresponse()
    assert answer.read() is not None and answer.status == 200
    arena.ledger.note_acknowledged(batch)


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder
