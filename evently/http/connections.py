"""Connections of this process to its clients, as the operating system knows them."""

import contextlib
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from evently.http.networks import Address, parse_address

# Where `struct tcp_info` of Linux has tcpi_last_data_sent: milliseconds since something was sent.
LAST_DATA_SENT = struct.Struct("44xI")
# seconds, for what passes between the connection and the request
IDLE_TOLERANCE = 0.1


def stop_reading(port: int, peer: str, *, idle_for: float) -> None:
    """Receive nothing more from this peer on connections to our port to which nothing was sent for so many seconds.

    The server says neither which connection a request came by nor how to end it. Those found are that of a request that
    was not answered for so long, and unused ones. Without Linux none is found.
    """
    if sys.platform != "linux":
        return
    for connection in _connections():
        with connection, contextlib.suppress(OSError):
            if connection.getsockname()[1] == port and _is_same(connection.getpeername()[0], peer):
                info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA_SENT.size)
                if LAST_DATA_SENT.unpack(info)[0] / 1000 >= idle_for - IDLE_TOLERANCE:
                    connection.shutdown(socket.SHUT_RD)


def _connections() -> Iterator[socket.socket]:
    for link in Path("/proc/self/fd").iterdir():
        # Others are opened and closed in the meantime.
        with contextlib.suppress(OSError):
            if str(link.readlink()).startswith("socket:"):
                copy = socket.socket(fileno=os.dup(int(link.name)))
                if copy.family in {socket.AF_INET, socket.AF_INET6} and copy.type == socket.SOCK_STREAM:
                    yield copy
                else:
                    copy.close()


def _is_same(one: str, other: str) -> bool:
    return one == other or _without_scope(one) == _without_scope(other)


def _without_scope(address: str) -> Address | None:
    return parse_address(address.partition("%")[0])
