"""Who is at the other end of the connection: somebody of our own network, or anybody."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

from saasobs.web.guard import is_unix_socket

_PRIVATE = (
    *map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")),
    *map(ip_network, ("::1/128", "fc00::/7", "fe80::/10")),
)
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


def is_private_peer(scope: Scope) -> bool:
    """Whether a request came straight from loopback or a private network: through a proxy it may be anybody's."""
    headers = Headers(scope=scope)
    if any(name in headers for name in _PROXY_HEADERS):
        return False
    if is_unix_socket(scope):
        return True
    client = scope.get("client")
    return client is not None and is_private_address(client[0])


def is_private_address(text: str) -> bool:
    """Loopback, RFC 1918, unique local and link-local addresses, also as IPv4 within IPv6."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address.version == network.version and address in network for network in _PRIVATE)
