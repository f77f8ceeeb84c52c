"""The container image, really built by buildah without a daemon, and run by runc: read-only, confined, as its user."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.mariadb import free_port
from tests.serving import TOKEN, get

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = "python3,python3-venv,ca-certificates"  # what the build stage asks of a base image
AUTHORITIES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
NAME: Final = "localhost/audit-webhook"
BASE: Final = "localhost/base"
DATA_UID: Final = 65532
START_SECONDS: Final = 60


class Images:
    """A store of images in a folder of its own; it is empty again after its ``with`` block."""

    def __init__(self, folder: Path) -> None:
        """Take an empty folder."""
        self.folder = folder
        self._buildah = [
            "buildah", "--storage-driver", "vfs", "--root", str(folder / "root"), "--runroot", str(folder / "run"),
        ]

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove all images."""
        shutil.rmtree(self.folder)

    def make_base(self) -> str:
        """Give the name of a base image made by debootstrap from this machine's distribution; it needs root."""
        system = self.folder / "base"
        release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
        name = release["VERSION_CODENAME"].strip('"')
        _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", name, system)
        shutil.copy(AUTHORITIES, system / AUTHORITIES.relative_to("/"))  # whom this machine trusts beside the usual
        for left in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(system / left)
        container = self.buildah("from", "scratch")
        self.buildah("copy", "--quiet", container, str(system), "/")
        self.buildah("commit", "--quiet", container, BASE)
        self.buildah("rm", container)
        shutil.rmtree(system)
        return BASE

    def build(self, base: str) -> None:
        """Build the Dockerfile of this project on a base image."""
        self.buildah(
            "bud", "--isolation", "chroot", "--format", "docker", "--build-arg", f"BASE_IMAGE={base}",
            "--tag", NAME, str(ROOT),
        )

    def settings(self) -> dict[str, Any]:
        """Give what the image says of how it is run (config of the image specification)."""
        config: dict[str, Any] = json.loads(self.buildah("inspect", "--type", "image", NAME))["Docker"]["config"]
        return config

    def unpack(self) -> Path:
        """Give the folder with the files of the image, in a container of its own."""
        return Path(self.buildah("mount", self.buildah("from", "--pull-never", NAME)))

    def buildah(self, *arguments: str) -> str:
        """Run buildah and give what it printed."""
        return _run(*self._buildah, *arguments)


class Container:
    """The image run without capabilities, on a read-only disk, with 64 MiB of /tmp, in the network of the machine."""

    def __init__(self, folder: Path, system: Path, config: Mapping[str, Any], **settings: str) -> None:
        """Describe a container of a system's files as the image wants it run; nothing is started yet."""
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir(exist_ok=True)
        os.chown(self.data, DATA_UID, DATA_UID)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self._config = config
        self._id = f"audit-webhook-{os.getpid()}-{self.port}"
        self._runc = ["runc", f"--root={folder / 'runc'}"]
        own = {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(self.port), "WEBHOOK_TOKEN": TOKEN, **settings}
        environment = [*config["Env"], *(f"{name}={value}" for name, value in own.items())]
        specification = _specification(system, self.data, config, environment)
        (folder / "config.json").write_text(json.dumps(specification), "utf-8")

    def start(self) -> None:
        """Start it, and wait until it can store."""
        with (self.folder / "log").open("ab") as log:
            command = [*self._runc, "run", f"--bundle={self.folder}", self._id]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while get(f"{self.url}/readyz").status != 200:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the container did not start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.05)

    def stop(self) -> tuple[int, float]:
        """Send SIGTERM; give the exit code and how many seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        _run(*self._runc, "kill", self._id, str(int(signal.SIGTERM)))
        return self.process.wait(35), time.monotonic() - began

    def end(self) -> None:
        """End it for sure."""
        subprocess.run([*self._runc, "delete", "--force", self._id], capture_output=True, check=False)
        if self.process is not None:
            self.process.wait(10)

    def state(self) -> dict[str, str]:
        """Give what the kernel says of the first process (status of proc(5))."""
        pid = json.loads(_run(*self._runc, "state", self._id))["pid"]
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def run(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        """Run a further command in the container."""
        return subprocess.run([*self._runc, "exec", self._id, *command], capture_output=True, check=False, timeout=60)

    def ask_health(self) -> int:
        """Run the image's own health check and give its exit code."""
        kind, *command = self._config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return self.run(*command).returncode


def _specification(
    system: Path, data: Path, config: Mapping[str, Any], environment: Sequence[str]
) -> dict[str, Any]:
    """Write a config.json of the OCI runtime specification 1.0."""
    uid, gid = (int(number) for number in config["User"].split(":"))
    bind = ["bind", "nosuid", "nodev"]
    mounts = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "size=64m"]},
        {"destination": "/data", "type": "bind", "source": str(data), "options": [*bind, "rw"]},
    ]
    return {
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": uid, "gid": gid}, "args": config["Cmd"], "env": [*environment],
            "cwd": config["WorkingDir"], "noNewPrivileges": True,
            "capabilities": {kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")},
        },
        "root": {"path": str(system), "readonly": True},
        "mounts": mounts,
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
    }


def _run(*command: str | Path) -> str:
    """Run a program to its end and give its output; RuntimeError with what it said when it failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout.strip()
