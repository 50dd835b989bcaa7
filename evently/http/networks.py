"""The network a request comes from: the key by which clients are counted that have no account.

One address is one client in IPv4. In IPv6 a subscriber has a whole /64 and can send each request from another address of it.
"""

import ipaddress
from functools import lru_cache

from flask import request

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

IPV6_PREFIX = 64
# Where the server does not say, as over a Unix socket.
UNKNOWN = "127.0.0.1"


def network_key() -> str:
    """The network of this request."""
    return network_of(request.remote_addr or UNKNOWN)


def parse_address(text: str) -> Address | None:
    """None if it is no IP address. Systems that listen on both versions write IPv4 addresses as IPv6: those are unwrapped."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(4096)
def network_of(address: str) -> str:
    """An IPv4 address as it is, an IPv6 address as its /64; IPv6 forms of an IPv4 address (mapped, 6to4) as that one."""
    parsed = parse_address(address)
    if parsed is None:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if ipv4 := parsed.sixtofour:
        return str(ipv4)
    return str(ipaddress.IPv6Network((int(parsed), IPV6_PREFIX), strict=False))
