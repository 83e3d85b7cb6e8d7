"""The SSRF rules: one table of addresses, with the word that each is refused by, or none."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.addresses import refusal

PUBLIC = [
    "8.8.8.8", "1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0",
    "198.20.0.0", "223.255.255.255", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1",
    "::ffff:8.8.8.8", "64:ff9b::808:808",
]  # fmt: skip

REFUSED = {
    "the unspecified address": ["0.0.0.0", "::", "::ffff:0.0.0.0"],
    "a loopback address": ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"],
    "a link-local address": ["169.254.0.1", "fe80::1", "fe80::1%eth0", "febf::1", "::ffff:169.254.7.7"],
    "a cloud's metadata address": [
        "169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "::ffff:168.63.129.16",
    ],
    "a multicast address": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "a carrier's shared address": ["100.64.0.0", "100.127.255.255", "::ffff:100.64.0.1"],
    "a site-local address": ["fec0::1", "feff::1"],
    "a local NAT64 address": ["64:ff9b:1::1", "64:ff9b:1:ffff::1"],
    "a 6to4 address": ["2002:7f00:1::", "2002:808:808::1"],
    "a private address": [
        "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.0.0.1",
        "192.0.0.9", "192.0.0.170", "192.0.2.1", "198.51.100.7", "203.0.113.7", "198.18.0.1", "198.19.255.255",
        "240.0.0.1", "255.255.255.255", "fc00::1", "fdff::1", "100::1", "2001:db8::1", "2001:0:7f00:1::",
        "2001:20::1", "2001:2::1", "3fff::1", "5f00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
    ],
    "a reserved address": ["::2", "::127.0.0.1", "::8.8.8.8", "4000::1", "100:0:0:1::1"],
    "not an address": [
        "", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.01", "[::1]", "1.2.3.4 ",
        "1.2.3.4:80", "::ffff:1.2.3", "１２７.0.0.1", "%eth0",
    ],
}  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_what_the_internet_routes_may_be_checked(address: str) -> None:
    """Public addresses, and IPv6 addresses that carry a public IPv4 one, are let through."""
    assert refusal(address) == ""


@pytest.mark.parametrize(("why", "address"), [(why, one) for why, ones in REFUSED.items() for one in ones])
def test_everything_else_is_refused_by_its_own_word(why: str, address: str) -> None:
    """Private, loopback, link-local, metadata and all the others, also wrapped into IPv6, and what is no address."""
    assert refusal(address) == why


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_what_it_carries(address: ipaddress.IPv4Address) -> None:
    """No IPv4 address becomes reachable by writing it as IPv6, by mapping or by NAT64."""
    refused = bool(refusal(str(address)))
    assert bool(refusal(f"::ffff:{address}")) is refused
    carried = ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | int(address))
    assert bool(refusal(str(carried))) is refused


@given(st.ip_addresses())
def test_nothing_is_let_through_that_python_calls_no_global_address(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """Our table is never more permissive than the standard library's."""
    carries = isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None
    if not refusal(str(address)) and not carries and address not in ipaddress.ip_network("64:ff9b::/96"):
        assert address.is_global


@given(st.text(max_size=60))
def test_any_text_is_judged(text: str) -> None:
    """No text makes it fail, and none that is no address is let through."""
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        assert refusal(text) == "not an address"
    else:
        refusal(text)
