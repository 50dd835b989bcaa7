"""A load client: many keep-alive connections in one thread, each sending its next request as soon as it has an answer.

It costs about as little as a client in Python can, because it shares the machine with what it measures: requests are
bytes made beforehand, answers are read only as far as their status and length.
"""

import itertools
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


def post(path: str, body: bytes, *, host: str, token: str = "") -> bytes:
    """One request as it goes over the wire."""
    authorization = f"Authorization: Token {token}\r\n" if token else ""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@dataclass
class Result:
    """What a run measured; latencies in milliseconds, sorted."""

    seconds: float
    statuses: Counter[int]
    latencies: list[float]

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))]


@dataclass
class _Connection:
    socket: socket.socket
    sent_at: float = 0.0
    answer: bytearray = field(default_factory=bytearray)


def run(address: tuple[str, int], requests: Iterator[bytes], *, connections: int, per_second: float | None = None) -> Result:
    """Send all requests over this many connections, as quickly as the server answers, or so many per second."""
    if per_second:
        return _run_paced(address, requests, connections, per_second)
    selector = selectors.DefaultSelector()
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    open_connections = [_Connection(_connect(address)) for _ in range(connections)]
    started = time.perf_counter()
    busy = 0
    for connection in open_connections:
        if _send_next(connection, requests):
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            busy += 1
    while busy:
        for key, _ in selector.select():
            connection = key.data
            status = _receive(connection)
            if status is None:
                continue
            statuses[status] += 1
            latencies.append((time.perf_counter() - connection.sent_at) * 1000)
            if not _send_next(connection, requests):
                selector.unregister(connection.socket)
                busy -= 1
    seconds = time.perf_counter() - started
    for connection in open_connections:
        connection.socket.close()
    return Result(seconds, statuses, sorted(latencies))


def _run_paced(address: tuple[str, int], requests: Iterator[bytes], connections: int, per_second: float) -> Result:
    """A thread for each connection: none of them is in a hurry, and none waits for another's turn."""
    lock, turns, results = threading.Lock(), itertools.count(), []
    started = time.perf_counter()

    def client() -> None:
        def turn() -> Iterator[bytes]:
            while True:
                with lock:
                    due, request = started + next(turns) / per_second, next(requests, None)
                if request is None:
                    return
                time.sleep(max(0.0, due - time.perf_counter()))
                yield request

        results.append(run(address, turn(), connections=1))

    threads = [threading.Thread(target=client) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sum((result.statuses for result in results), Counter[int]())
    return Result(time.perf_counter() - started, statuses, sorted(itertools.chain.from_iterable(r.latencies for r in results)))


def _connect(address: tuple[str, int]) -> socket.socket:
    connection = socket.create_connection(address, timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _send_next(connection: _Connection, requests: Iterator[bytes]) -> bool:
    request = next(requests, None)
    if request is None:
        return False
    connection.answer.clear()
    connection.sent_at = time.perf_counter()
    connection.socket.sendall(request)
    return True


def _receive(connection: _Connection) -> int | None:
    """The status, once the whole answer is there. Raises ConnectionError when the server hangs up."""
    piece = connection.socket.recv(65536)
    if not piece:
        raise ConnectionError("the server closed a connection")
    answer = connection.answer
    answer += piece
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(answer[:end]).lower()
    start = head.index(b"content-length:") + len(b"content-length:")
    stop = head.find(b"\r\n", start)
    length = int(head[start : stop if stop > 0 else end])
    return int(head[9:12]) if len(answer) >= end + 4 + length else None
