"""Which addresses a check may be sent to when its target was chosen by somebody who is not trusted (SSRF). Pure.

The rule is "only what the public Internet routes": everything that is private, loopback, link-local (cloud metadata
lives there), shared, multicast, reserved or a documentation range is refused, and so is an IPv6 address that carries
such an IPv4 address inside (mapped, 6to4, Teredo, NAT64). It is asked after resolution, for every address that is
really connected to, so that a name that resolves to another address the second time gains nothing.
"""

from __future__ import annotations

import ipaddress
from typing import Final

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215
_IPV4_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")  # RFC 4291, long dead
_SITE_LOCAL: Final = ipaddress.IPv6Network("fec0::/10")  # RFC 3879
_SIX_TO_FOUR: Final = ipaddress.IPv6Network("2002::/16")  # RFC 3056, given up by RFC 7526
_DOCUMENTATION: Final = ipaddress.IPv6Network("3fff::/20")  # RFC 9637, younger than some Pythons' tables
_SEGMENTS: Final = ipaddress.IPv6Network("5f00::/16")  # RFC 9602, likewise
_IETF: Final = ipaddress.IPv6Network("2001::/23")  # RFC 2928; Pythons differ over its parts
_SHARED: Final = ipaddress.IPv4Network("100.64.0.0/10")  # RFC 6598
_PROTOCOL: Final = ipaddress.IPv4Network("192.0.0.0/24")  # RFC 6890
_METADATA: Final = frozenset({
    ipaddress.ip_address("169.254.169.254"), ipaddress.ip_address("fd00:ec2::254"),
    ipaddress.ip_address("100.100.100.200"), ipaddress.ip_address("168.63.129.16"),
})  # fmt: skip
"""Where clouds answer questions about the machine itself; Azure's is a public address."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def refusal(address: str) -> str:
    """Why this literal address must not be connected to, as in ``a loopback address``; empty when it may.

    A zone (``fe80::1%eth0``) makes no difference. What is no address at all is refused too.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "not an address"
    return next((why for one in (found, *_carried(found)) if (why := _refusal(one))), "")


def _carried(address: Address) -> tuple[Address, ...]:
    """The IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    carried: list[Address] = [one for one in (address.ipv4_mapped, address.sixtofour) if one is not None]
    if address.teredo is not None:
        carried += address.teredo
    if address in _NAT64 or address in _IPV4_COMPATIBLE:
        carried.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(carried)


def _refusal(address: Address) -> str:
    if address in _METADATA:
        return "a cloud's metadata address"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return ""  # what it carries is judged
    # The order makes the word as plain as it can be: several of these hold for most of such addresses.
    words = (
        (address.is_unspecified, "the unspecified address"),
        (address.is_loopback, "a loopback address"),
        (address.is_link_local, "a link-local address"),
        (address.is_multicast, "a multicast address"),
        (isinstance(address, ipaddress.IPv4Address) and address in _SHARED, "a carrier's shared address"),
        (isinstance(address, ipaddress.IPv6Address) and address in _SITE_LOCAL, "a site-local address"),
        (isinstance(address, ipaddress.IPv6Address) and address in _LOCAL_NAT64, "a local NAT64 address"),
        (isinstance(address, ipaddress.IPv6Address) and address in _SIX_TO_FOUR, "a 6to4 address"),
        (any(address in one for one in (_PROTOCOL, _IETF, _DOCUMENTATION, _SEGMENTS)), "a private address"),
        (address.is_private, "a private address"),
        (address.is_reserved and address not in _NAT64, "a reserved address"),
        (not address.is_global and address not in _NAT64, "not a public address"),
    )
    return next((word for holds, word in words if holds), "")
