"""A client that sends batches as a kube-apiserver does, and writes into a ledger what was acknowledged.

Kubernetes 1.36: batches in parallel and in no order, 30 s for an attempt (plugin/pkg/audit/webhook/webhook.go), five
attempts with pauses of 10 s that grow by half (pkg/util/webhook/webhook.go), and within an attempt up to ten more tries
after 429 or 5xx with an integer Retry-After (client-go rest/with_retry.go). Redirects are followed as Go's client does:
301, 302 and 303 with a GET, whose 2xx then counts as delivered.
"""

from __future__ import annotations

import http.client
import random
import select
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from audit_webhook.events.event import rfc3339
from tests.factories import audit_event, encode, event_list
from tests.ledger import Answer, Ledger

ATTEMPTS = 5
FIRST_PAUSE = 10.0
GROWTH = 1.5
JITTER = 0.2
TIMEOUT = 30.0
TRIES = 11
REDIRECTS = 10
HEADERS = {
    "Content-Type": "application/json", "Accept": "application/json, */*",
    "User-Agent": "kube-apiserver/v1.36.2 (linux/amd64) kubernetes/98b3519",
}


class ApiServer:
    """Sends to one cluster's address; a speed above 1 shortens the pauses, never the patience of an attempt."""

    def __init__(
        self, url: str, ledger: Ledger, cluster: str = "prod", speed: float = 1.0, token: str = ""
    ) -> None:
        """Send to the service at this URL, with a token if it wants one."""
        self._headers = HEADERS | ({"Authorization": f"Bearer {token}"} if token else {})
        self._address = urlsplit(url).netloc
        self._path = f"/webhook/audit/{cluster}"
        self._ledger = ledger
        self._speed = speed
        self._local = threading.local()

    def send(self, events: list[bytes]) -> bool:
        """Send one batch with all attempts that it gets; False when it was dropped in the end."""
        self._ledger.note_sent(events)
        body = event_list(events)
        pause = FIRST_PAUSE
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(pause * random.uniform(1, 1 + JITTER) / self._speed)
                pause *= GROWTH
            if self._attempt(body):
                self._ledger.note_acknowledged(events)
                return True
        self._ledger.note_given_up()
        return False

    def send_all(self, batches: Iterable[list[bytes]], parallel: int) -> None:
        """Send batches, so many at a time, and return when each was delivered or dropped."""
        waiting = iter(batches)
        lock = threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    batch = next(waiting, None)
                if batch is None:
                    break
                self.send(batch)
            self.close()

        threads = [threading.Thread(target=work) for _ in range(parallel)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _attempt(self, body: bytes) -> bool:
        end = time.monotonic() + TIMEOUT
        for _ in range(TRIES):
            answer = self._post(body, end)
            if 200 <= answer.status <= 206:
                return True
            retried = (answer.status == 429 or answer.status >= 500) and answer.retry_after.isdigit()
            wait = int(answer.retry_after) / self._speed if retried else 0.0
            if not retried or time.monotonic() + wait >= end:
                return False
            time.sleep(wait)
        return False

    def _post(self, body: bytes, end: float) -> Answer:
        began = time.monotonic()
        try:
            response, status = self._follow(body, end)
            answer = Answer(status, time.monotonic() - began, response.headers.get("Retry-After", ""))
        except (OSError, http.client.HTTPException):
            self.close()
            answer = Answer(0, time.monotonic() - began, "")
        self._ledger.note_answer(answer)
        return answer

    def _follow(self, body: bytes, end: float) -> tuple[http.client.HTTPResponse, int]:
        method, path = "POST", f"{self._path}?timeout=30s"
        for _ in range(REDIRECTS):
            response = self._request(method, path, body if method == "POST" else b"", end)
            if response.status not in (301, 302, 303, 307, 308):
                if method == "GET" and 200 <= response.status <= 206:
                    self._ledger.note_false_delivery()
                return response, response.status
            method = "GET" if response.status < 304 else method
            path = urlsplit(response.headers["Location"]).path
        raise http.client.HTTPException("stopped after 10 redirects")

    def _request(self, method: str, path: str, body: bytes, end: float) -> http.client.HTTPResponse:
        connection = self._connection()
        connection.timeout = max(0.01, end - time.monotonic())
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)
        connection.request(method, path, body, self._headers)
        response = connection.getresponse()
        response.read()
        return response

    def _connection(self) -> http.client.HTTPConnection:
        """Give the thread's own connection, a new one where the old was closed while it was idle."""
        idle = getattr(self._local, "connection", None)
        if idle is not None and idle.sock is not None and select.select([idle.sock], [], [], 0)[0]:
            self.close()
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT)
        connection: http.client.HTTPConnection = self._local.connection
        return connection

    def close(self) -> None:
        """Close this thread's connection."""
        if hasattr(self._local, "connection"):
            self._local.connection.close()
            del self._local.connection


def batches(count: int, events: int, size: int = 1000) -> Iterator[list[bytes]]:
    """Give batches of events of about so many bytes, no two alike, that happen now."""
    for _ in range(count):
        now = int(datetime.now(UTC).timestamp() * 1_000_000)
        batch = []
        for number in range(events):
            moment = rfc3339(now + number)
            event = audit_event(stageTimestamp=moment, requestReceivedTimestamp=moment)
            event["responseObject"] = {"padding": random.randbytes(max(0, size - 700) // 2).hex()}
            batch.append(encode(event))
        yield batch
