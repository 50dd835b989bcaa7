"""Which ports are free, and whether something answers on one."""

import contextlib
import socket


def free_port() -> int:
    """A port on the loopback interface that nothing listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def is_taken(host: str, port: int) -> bool:
    """Whether another process already listens there."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as listener:
        # Connections of an earlier run that linger for a minute do not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(1)
        except OSError:
            return True
    return False


def answers(host: str, port: int, path: str) -> bool:
    """Whether a web server there says 200 to this path."""
    with contextlib.suppress(OSError), socket.create_connection((reachable(host), port), timeout=2) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {reachable(host)}:{port}\r\nConnection: close\r\n\r\n".encode())
        return connection.recv(64).startswith(b"HTTP/1.1 200")
    return False


def reachable(host: str) -> str:
    """Where a client on this machine finds a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "localhost", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - only compared
