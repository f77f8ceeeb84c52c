"""A real nginx of the distribution's package with a configuration of deploy/, on free ports of the loopback address."""

from __future__ import annotations

import getpass
import ssl
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.mariadb import free_port

ROOT: Final = Path(__file__).resolve().parents[1]
STANDALONE: Final = ROOT / "deploy" / "nginx" / "audit-webhook.conf"
REPLICAS: Final = ROOT / "deploy" / "nginx" / "replicas.conf"
OF_A_POD: Final = ROOT / "deploy" / "kustomize" / "base" / "nginx.conf"
HOST: Final = "audit.example.com"
START_SECONDS: Final = 10
_FRAME: Final = """
user {user};
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/tested.conf;
}}
"""


class Nginx:
    """nginx with one configuration; it ends with its ``with`` block."""

    def __init__(self, folder: Path, configuration: Path, moved: Mapping[str, str]) -> None:
        """Copy the configuration, with texts such as ports and paths replaced; KeyError for one that is not there."""
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        text = configuration.read_text("utf-8")
        for old, new in moved.items():
            if old not in text:
                raise KeyError(f"{configuration} does not hold {old!r}")
            text = text.replace(old, new)
        self._main = folder / "tested.conf"
        self._main.write_text(text, "utf-8")
        if configuration != OF_A_POD:
            self._main = folder / "nginx.conf"
            self._main.write_text(_FRAME.format(folder=folder, user=getpass.getuser()), "utf-8")

    def __enter__(self) -> Self:
        """Start, and wait until it listens."""
        log = self.folder / "error.log"
        command = ["/usr/sbin/nginx", "-e", str(log), "-p", str(self.folder), "-c", str(self._main)]
        with (self.folder / "nginx.log").open("ab") as output:
            self.process = subprocess.Popen([*command, "-g", "daemon off;"], stdout=output, stderr=output)
        deadline = time.monotonic() + START_SECONDS
        while not self.workers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"nginx did not start:\n{log.read_text()}{(self.folder / 'nginx.log').read_text()}")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it for sure."""
        self.stop()

    def workers(self) -> list[int]:
        """Give the numbers of the processes that serve; they exist once the ports are open."""
        assert self.process is not None
        try:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        except FileNotFoundError:
            return []
        return [int(number) for number in children.split()]

    def stop(self) -> None:
        """End it at once (SIGTERM is its quick shutdown)."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


class Certificate:
    """A certificate for 127.0.0.1 and the name in the configuration, its own authority, in a folder."""

    def __init__(self, folder: Path) -> None:
        """Make it with the distribution's openssl."""
        self.chain, self.key = folder / "tls.crt", folder / "tls.key"
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "2", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST},IP:127.0.0.1",
                "-keyout", str(self.key), "-out", str(self.chain),
            ],
            check=True, capture_output=True,
        )

    def client_context(self) -> ssl.SSLContext:
        """Give what a client needs to trust it."""
        return self.trust(self.chain)

    @staticmethod
    def trust(chain: Path) -> ssl.SSLContext:
        """Give what a client needs to trust a certificate in a file."""
        return ssl.create_default_context(cafile=str(chain))


class Front(Nginx):
    """`deploy/nginx/audit-webhook.conf` before a service and a login proxy: `port` for batches, `pages_port`."""

    def __init__(self, folder: Path, service: int, pages: int, login: int, proof: str, port: int = 0) -> None:
        """Lead to these ports of the loopback address, from this one or a free one."""
        self.port, self.pages_port = port or free_port(), free_port()
        self.certificate = Certificate(folder)
        (folder / "proof.conf").write_text(f'proxy_set_header X-Audit-Proof "{proof}";\n', "utf-8")
        super().__init__(folder, STANDALONE, {
            "127.0.0.1:8080": f"127.0.0.1:{service}", "127.0.0.1:8081": f"127.0.0.1:{pages}",
            "127.0.0.1:4180": f"127.0.0.1:{login}", "/etc/audit-webhook": str(folder),
            "listen 8443": f"listen 127.0.0.1:{self.port}", "listen 443": f"listen 127.0.0.1:{self.pages_port}",
        })


class Sidecar(Nginx):
    """`deploy/kustomize/base/nginx.conf` before a service: all on `port`."""

    def __init__(self, folder: Path, service: int) -> None:
        """Lead to this port of the loopback address."""
        self.port = free_port()
        self.certificate = Certificate(folder)
        super().__init__(folder, OF_A_POD, {
            "/tmp": str(folder), "127.0.0.1:8080": f"127.0.0.1:{service}", "/etc/audit-webhook/tls": str(folder),
            "listen 8443": f"listen 127.0.0.1:{self.port}",
        })
