"""The commands of docs/install.md, run as they are written, with other ports and folders, lead to three replicas."""

from __future__ import annotations

import http.client
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Self

import pytest
import yaml

from audit_webhook.operate.server.lifetime import GRACE_SECONDS
from audit_webhook.operate.server.listener import DRAIN_SECONDS
from tests.factories import audit_event, event_list
from tests.galera import wait_for
from tests.mariadb import MariaDB, free_port
from tests.nginx import HOST, REPLICAS, STANDALONE, Certificate, Nginx
from tests.serving import ROOT

GUIDE: Final = (ROOT / "docs/install.md").read_text("utf-8")
UNIT: Final = ROOT / "deploy/systemd/audit-webhook@.service"
BEFORE_THE_START: Final = ("database", "secrets", "settings", "first user")
BATCHES: Final = 30


def blocks(kind: str) -> dict[str, str]:
    """Give the commands of the guide that are marked with a kind, by name and in their order."""
    return dict(re.findall(rf"<!-- {kind}: ([\w ]+) -->\n```\n(.*?)\n```", GUIDE, re.DOTALL))


class Installation:
    """What the guide makes, in a folder, on a MariaDB, on free ports."""

    def __init__(self, folder: Path, server: MariaDB) -> None:
        """Lay out what takes the place of the machine: its folders, its database's root, and the program's command."""
        self.folder, self.server = folder, server
        self.replicas: dict[str, subprocess.Popen[bytes]] = {}
        self.batches, self.pages = free_port(), free_port()
        self.moved = {
            "/etc/audit-webhook": str(folder / "etc"), "/var/lib/audit-webhook": str(folder / "lib"),
            "/etc/nginx/conf.d": str(folder), "DB_PORT=3306": f"DB_PORT={server.port}",
            "DB_NAME=audit": "DB_NAME=installed", "ON audit.*": "ON installed.*",
            "CREATE DATABASE audit ": "CREATE DATABASE installed ",
            "-o audit-webhook": "", "-g audit-webhook": "", "runuser -u audit-webhook --": "",
            f"{HOST}:8443": f"{HOST}:{self.batches}", f"{HOST}:443": f"{HOST}:{self.pages}",
        }
        self._ports = {f"{kind}0{number}": str(free_port()) for kind in (80, 81) for number in (1, 2, 3)}
        (folder / "bin").mkdir()
        (folder / "deploy").symlink_to(ROOT / "deploy")
        command = folder / "bin/audit-webhook"
        command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m audit_webhook "$@"\n')
        command.chmod(0o755)
        (folder / ".my.cnf").write_text(f"[client]\nhost=127.0.0.1\nport={server.port}\nuser=root\n")

    def __enter__(self) -> Self:
        """Change nothing yet."""
        return self

    def __exit__(self, *error: object) -> None:
        """End what runs."""
        for process in self.replicas.values():
            process.terminate()
        for process in self.replicas.values():
            process.wait(int(read_unit()["TimeoutStopSec"]))
        self.server.execute("DROP USER IF EXISTS audit@'%'")

    def port(self, kind: int, number: str) -> int:
        """Give what stands for a port of the guide, such as 8001."""
        return int(self._ports[f"{kind}0{number}"])

    def move(self, text: str) -> str:
        """Put the folders and ports of this installation in the place of those of the guide."""
        for old, new in self.moved.items():
            text = text.replace(old, new)
        ports = "|".join(self._ports)
        text = re.sub(rf"\b(?:{ports})\b", lambda found: self._ports[found[0]], text)
        for kind in (80, 81):  # the shell's: 800$replica
            chosen = " ".join(str(self.port(kind, number)) for number in "123")
            text = text.replace(f"{kind}0$replica", f"$(set -- {chosen}; eval echo \\$$replica)")
        return text

    def run(self, name: str) -> str:
        """Run the commands of a name, and give what they print."""
        environment = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "HOME": str(self.folder)}
        command = ["bash", "-euo", "pipefail", "-c", self.move(blocks("tested")[name])]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{name}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, replica: str) -> None:
        """Start what the unit starts, where it starts it."""
        unit = read_unit()
        command = unit["ExecStart"].replace("/opt/audit-webhook", str(self.folder)).split()
        where = self.move(unit["WorkingDirectory"].replace("%i", replica))
        with (self.folder / f"{replica}.log").open("ab") as log:
            self.replicas[replica] = subprocess.Popen(
                command, cwd=where, env={"PATH": os.environ["PATH"]}, stdout=log, stderr=log
            )

    def stop(self, replica: str) -> int:
        """Stop a replica as the unit does, and give its exit code."""
        process = self.replicas.pop(replica)
        process.terminate()
        return process.wait(int(read_unit()["TimeoutStopSec"]))

    @contextmanager
    def nginx(self) -> Iterator[None]:
        """Run nginx with the configuration that was copied."""
        ports = {"listen 8443": f"listen 127.0.0.1:{self.batches}", "listen 443": f"listen 127.0.0.1:{self.pages}"}
        paths = {"/etc/audit-webhook": str(self.folder / "etc")}
        with Nginx(self.folder, self.folder / "audit-webhook.conf", {**self._ports, **ports, **paths}):
            yield

    def post(self, body: bytes) -> int:
        """Send a batch through nginx, and give the answer's status."""
        context = Certificate.trust(self.folder / "etc/tls.crt")
        connection = http.client.HTTPSConnection("127.0.0.1", self.batches, timeout=30, context=context)
        token = (self.folder / "etc/tokens/prod").read_text().strip()
        try:
            connection.request("POST", "/webhook/audit/prod", body, {"Authorization": f"Bearer {token}"})
            return connection.getresponse().status
        finally:
            connection.close()


def read_unit() -> dict[str, str]:
    """Give the settings of the unit's service."""
    unit = ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str
    unit.read(UNIT)
    return dict(unit["Service"])


@pytest.fixture(scope="module")
def installation(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Three replicas behind nginx, made by the guide."""
    with ExitStack() as stack:
        made = stack.enter_context(Installation(tmp_path_factory.mktemp("installed"), mariadb))
        for name in BEFORE_THE_START:
            made.run(name)
        for replica in "123":
            made.start(replica)
        made.run("ready")
        made.run("certificate")
        stack.enter_context(made.nginx())
        yield made


def test_doctor_finds_nothing_that_fails(installation: Installation) -> None:
    said = installation.run("doctor")
    assert said.count("ok: database") == 3 and "fail:" not in said, said
    warned = {line.split(":")[1].strip() for line in said.splitlines() if line.startswith("warn")}
    assert warned <= {"disk", "packet", "durability"}, said


def test_first_batch_is_taken_and_found_by_another_replica(installation: Installation) -> None:
    installation.run("batch")
    assert "alice" in installation.run("look")


def test_batches_are_taken_while_one_replica_after_the_other_restarts(installation: Installation) -> None:
    statuses: list[int] = []
    for replica in "123":
        assert installation.stop(replica) == 0
        statuses += [installation.post(event_list([audit_event(number)])) for number in range(BATCHES // 3)]
        installation.start(replica)
        installation.run("ready")
    assert statuses == [200] * BATCHES


def test_replicas_share_the_batches(installation: Installation) -> None:
    numbers = itertools.count(BATCHES)

    def all_have_some() -> bool:
        assert installation.post(event_list([audit_event(next(numbers))])) == 200
        return all(received(installation.port(80, replica)) for replica in "123")

    wait_for(all_have_some, "a replica gets no batches")


def received(port: int) -> float:
    """Give how many events a replica has received since it started."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines()
               if line.startswith("audit_webhook_events_received_total{"))


def test_kubeconfig_leads_to_the_port_for_batches_with_the_cluster_s_token(installation: Installation) -> None:
    installation.run("kubeconfig")
    config: dict[str, Any] = yaml.safe_load((installation.folder / "webhook.yaml").read_text())
    (cluster,), (user,), (context,) = config["clusters"], config["users"], config["contexts"]
    assert cluster["cluster"]["server"] == f"https://{HOST}:{installation.batches}/webhook/audit/prod"
    assert user["user"]["token"] == (installation.folder / "etc/tokens/prod").read_text().strip()
    assert context["context"] == {"cluster": cluster["name"], "user": user["name"]}
    assert config["current-context"] == context["name"]


def test_secrets_are_readable_by_owner_and_group_alone(installation: Installation) -> None:
    for name in ("db_password", "tokens/prod", "evidence.key", "tls.key"):
        assert (installation.folder / "etc" / name).stat().st_mode & 0o007 == 0, name


def test_unit_stops_the_parent_alone_and_waits_for_it() -> None:
    unit = read_unit()
    assert unit["KillMode"] == "mixed" and int(unit["TimeoutStopSec"]) > GRACE_SECONDS + DRAIN_SECONDS
    assert unit["User"] == "audit-webhook" and unit["NoNewPrivileges"] == "yes"


def test_batches_pass_both_configurations_alike() -> None:
    def batches(path: Path) -> str:
        server = path.read_text("utf-8").partition("server {\n    listen 8443")[2].partition("\n}\n")[0]
        return re.sub(r"proxy_next_upstream .*", "", server)

    assert batches(REPLICAS) == batches(STANDALONE)


def test_every_block_of_commands_of_the_guide_is_marked() -> None:
    assert len(blocks("tested")) + len(blocks("machine")) == GUIDE.count("\n```\n") // 2 - 1  # one is a picture
