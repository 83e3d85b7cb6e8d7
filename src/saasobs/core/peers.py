"""Who is at the other end of a connection: somebody of our own network that came straight, or anybody.

Behind a reverse proxy every peer is the proxy, and so private: what a proxy adds to a request gives it away.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

_PRIVATE: Final = (
    *map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")),
    *map(ip_network, ("::1/128", "fc00::/7", "fe80::/10")),
)
PROXY_HEADERS: Final = frozenset({
    "cdn-loop", "cf-connecting-ip", "cf-ray", "client-ip", "fastly-client-ip", "fly-client-ip", "forwarded",
    "true-client-ip", "via", "x-amzn-trace-id", "x-appengine-user-ip", "x-arr-ssl", "x-azure-clientip", "x-client-ip",
    "x-cloud-trace-context", "x-cluster-client-ip", "x-envoy-external-address", "x-original-forwarded-for",
    "x-original-host", "x-real-ip", "x-scheme",
})  # fmt: skip
"""Lower-case; whatever begins with `x-forwarded` is one too."""


def is_private(peer: str, headers: Iterable[str]) -> bool:
    """Whether a request came straight from loopback or a private network.

    :param peer: the other end's address; of a Unix socket there is none, and who is behind it is unknown: no.
    :param headers: the names of the request's headers, lower-case.
    """
    return is_private_address(peer) and not any(came_through_proxy(name) for name in headers)


def came_through_proxy(header: str) -> bool:
    """Whether this header is one that only proxies add."""
    return header in PROXY_HEADERS or header.startswith("x-forwarded")


def is_private_address(text: str) -> bool:
    """Loopback, RFC 1918, unique local and link-local addresses, also as IPv4 within IPv6."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address.version == network.version and address in network for network in _PRIVATE)
