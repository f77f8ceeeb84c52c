"""The server: waitress's loop on one socket, with limits, deadlines and an orderly end."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from flask import Flask
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from audit_webhook.config import Config
from audit_webhook.operate.server.balance import LOOK_SECONDS, Balance
from audit_webhook.operate.server.channel import Channel
from audit_webhook.operate.server.gate import Gate
from audit_webhook.operate.server.lanes import Lanes

BACKLOG: Final = 1024
CONNECTIONS: Final = 4096
SPARE_FILES: Final = 128
IDLE_SECONDS: Final = 120  # above the 90 s after which Go's client closes an idle connection
HEADER_BYTES: Final = 32 * 1024
RECEIVE_BYTES: Final = 256 * 1024
EVICTED_AT_ONCE: Final = 64
DRAIN_SECONDS: Final = 25.0


class Listener(TcpWSGIServer):
    """Accepts connections until `drain` is called, then finishes what it has accepted."""

    channel_class = Channel

    def __init__(
        self, app: Flask, config: Config, listening: socket.socket, takes_batches: bool = True,
        balance: Balance | None = None, answers: Callable[[dict[str, Any], Any], Any] | None = None,
    ) -> None:
        """Serve an application on a socket that is bound; ``balance`` knows the other processes on it.

        ``answers`` is what answers the requests that were let in, if not the application itself.
        """
        self._balance = balance or Balance()
        self.gate = Gate(app, takes_batches)
        self.is_draining = False
        self.on_tick: Callable[[], None] = self.gate.note_in_flight
        self._grace_until = 0.0
        self._drain_until = 0.0
        self._end = threading.RLock()  # drain may be called in the middle of run's end, by a signal too
        self._has_ended = False
        sockinfo: Any = (listening.family, listening.type, listening.proto, listening.getsockname())
        lanes: Any = Lanes()
        super().__init__(
            answers or app, map={}, _sock=listening, dispatcher=lanes, adj=_adjust(config, listening),
            sockinfo=sockinfo, bind_socket=False,
        )

    def run(self) -> None:
        """Answer until drained; what is not finished in time is dropped, and its senders send it again."""
        while self._sockets() and not self._is_drained():
            timeout = LOOK_SECONDS if self._balance.is_waiting() else self.adj.asyncore_loop_timeout
            self.asyncore.loop(timeout=timeout, map=self._sockets(), use_poll=True, count=1)
        self.task_dispatcher.shutdown(timeout=0.2)  # type: ignore[arg-type]
        trigger: Any = self.trigger
        with self._end:
            self._has_ended = True
            trigger.close()

    def drain(self, grace: float = 0.0) -> None:
        """Finish: go on accepting for some seconds, until nobody is sent here any more, then only answer.

        May be called by a signal handler.
        """
        self.is_draining = True
        self._grace_until = time.monotonic() + grace
        self._drain_until = time.monotonic() + DRAIN_SECONDS
        with self._end:
            if not self._has_ended:
                self.pull_trigger()

    def maintenance(self, now: float) -> None:
        """Close the connections whose clients are too slow or idle for too long; called each second."""
        super().maintenance(int(now))
        moment = time.monotonic()
        for channel in self._channels():
            channel.expire(moment)
        self.on_tick()

    def readable(self) -> bool:
        """Whether connections are accepted now."""
        if self.accepting and len(self._sockets()) >= self.adj.connection_limit:
            self._make_room()
        self._balance.note(len(self._channels()))
        return super().readable() and not self._balance.is_waiting()

    def handle_accept(self) -> None:
        """Accept a connection, unless another process has fewer."""
        if not self._balance.leaves_it():
            super().handle_accept()
            self._balance.note(len(self._channels()))

    def close(self) -> None:
        """Listen no more."""
        if self.accepting:
            self.accepting = False
            self.del_channel()
            listening: Any = self.socket
            listening.close()

    def _make_room(self) -> None:
        """Close those that have waited longest without a request; first those that never sent a whole one."""
        if any(channel.will_close for channel in self._channels()):
            return
        waiting = [channel for channel in self._channels() if channel.is_waiting_for_client()]
        waiting.sort(key=lambda channel: (channel.was_used, channel.last_activity))
        for channel in waiting[:EVICTED_AT_ONCE]:
            channel.will_close = True

    def _is_drained(self) -> bool:
        if not self.is_draining or time.monotonic() < self._grace_until:
            return False
        self.close()
        for channel in self._channels():
            channel.will_close = channel.will_close or channel.is_idle()
        return not self._channels() or time.monotonic() > self._drain_until

    def _channels(self) -> list[Channel]:
        channels: Any = self.active_channels
        return list(channels.values())

    def _sockets(self) -> Any:
        return self._map  # type: ignore[attr-defined]


def _adjust(config: Config, listening: socket.socket) -> Adjustments:
    settings: dict[str, Any] = {
        "sockets": [listening] if listening.type == socket.SOCK_STREAM else [],  # it knows no other kind
        "backlog": BACKLOG,
        "connection_limit": min(CONNECTIONS, _raise_file_limit() - SPARE_FILES),
        "cleanup_interval": 1,
        "asyncore_use_poll": True,
        "asyncore_loop_timeout": 1,
        "channel_timeout": IDLE_SECONDS,
        # The gate refuses first, and says why; this is for what it might overlook.
        "max_request_body_size": config.max_body_bytes + 1024**3,
        "max_request_header_size": HEADER_BYTES,
        "recv_bytes": RECEIVE_BYTES,
        "ident": None,
        # Nothing reads such headers but web/request_address.py, which knows whom to believe.
        "clear_untrusted_proxy_headers": False,
        "expose_tracebacks": False,
        "channel_request_lookahead": 0,
    }
    return Adjustments(**settings)


def _raise_file_limit() -> int:
    """Let the process open as many files as it may; give the number."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(wanted, SPARE_FILES + 64)


def bind(host: str, port: int) -> socket.socket:
    """Give a socket that listens there; raises OSError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def create_server(app: Flask, config: Config) -> Listener:
    """Bind the port of the settings and serve there; raises OSError when it is taken."""
    return Listener(app, config, bind(config.http_host, config.http_port))


def run_in_thread(server: Listener) -> threading.Thread:
    """Serve in the background; `Listener.drain` ends it."""
    thread = threading.Thread(target=server.run, name="listener", daemon=True)
    thread.start()
    return thread
