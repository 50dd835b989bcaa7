"""The network a request comes from: the key by which clients are counted that have no account.

One address is one client in IPv4. In IPv6 a subscriber has a whole /64 and can send each request from another address of it.
"""

import ipaddress
from functools import lru_cache

from flask import request

IPV6_PREFIX = 64
# Where the server does not say, as over a Unix socket.
UNKNOWN = "127.0.0.1"


def network_key() -> str:
    """The network of this request."""
    return network_of(request.remote_addr or UNKNOWN)


@lru_cache(4096)
def network_of(address: str) -> str:
    """An IPv4 address as it is, an IPv6 address as its /64; IPv6 forms of an IPv4 address (mapped, 6to4) as that one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if ipv4 := parsed.ipv4_mapped or parsed.sixtofour:
        return str(ipv4)
    return str(ipaddress.IPv6Network((int(parsed), IPV6_PREFIX), strict=False))
