"""The SSRF guard: no hop, token endpoint, proxy or pinned address leads to where the public Internet does not."""

from __future__ import annotations

import asyncio
from typing import Any

import pycurl
import pytest

from saasobs.core.addresses import refusal
from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes.http.curl import Multi
from saasobs.probes.http.handle import Order
from saasobs.probes.http.target import parse
from saasobs.probes.http.way import Way
from support.badhttp import BadServer, bad_server
from support.dns import Zone, dns_server
from support.probing import Prober, check, monitor, prober
from support.proxying import http_proxy, socks_proxy
from support.tokens import TokenServer


async def guarded(probe: Prober, **options: Any) -> Result:
    return await probe.probe.check(monitor(public_only=True, **options), check())


@pytest.fixture
def here_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 stands in for a public address, which no test can have; every other one is judged as it is."""
    monkeypatch.setattr("saasobs.probes.net.contact.refusal", lambda one: "" if one == "127.0.0.1" else refusal(one))


PLACES = [
    "127.0.0.1",
    "[::1]",
    "localhost",
    "10.0.0.1",
    "169.254.169.254",
    "[::ffff:127.0.0.1]",
    "0.0.0.0",
    "[fd00::1]",
]


@pytest.mark.parametrize("host", PLACES)
async def test_places_that_are_not_public_are_refused(probe: Prober, bad: BadServer, host: str) -> None:
    """Literal addresses and localhost alike, before anything is sent."""
    result = await guarded(probe, url=f"http://{host}:{bad.port}/status/200")
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.ADDRESS_REFUSED)
    assert result.message.startswith("its address may not be checked (")
    assert sum(result.phases.values()) == result.duration
    assert bad.connections == 0


async def test_a_name_is_judged_by_what_it_stands_for(bad: BadServer) -> None:
    """One refused address among good ones is enough."""
    zone = Zone(addresses={"inside.test": ("127.0.0.1",), "mixed.test": ("8.8.8.8", "10.1.2.3")})
    async with dns_server(zone) as address, prober(address) as probe:
        inside = await guarded(probe, url=bad.url("/status/200", "inside.test"))
        mixed = await guarded(probe, url=bad.url("/status/200", "mixed.test"))
    assert inside.message == "its address may not be checked (inside.test is 127.0.0.1, a loopback address)"
    assert mixed.message == "its address may not be checked (mixed.test is 10.1.2.3, a private address)"
    assert inside.phases["dns"] > 0
    assert bad.connections == 0


@pytest.mark.usefixtures("here_is_public")
async def test_every_hop_is_judged(bad: BadServer) -> None:
    """A public target that redirects inside is caught there, by address and by name."""
    zone = Zone(addresses={"public.test": ("127.0.0.1",), "inside.test": ("127.0.0.2",)})
    async with dns_server(zone) as address, prober(address) as probe, bad_server(host="127.0.0.2") as inner:
        fine = await guarded(probe, url=bad.url("/redirect?to=/status/200", "public.test"))
        assert fine.outcome is Outcome.UP, fine.message
        for to in (inner.url("/x", "127.0.0.2"), inner.url("/x", "inside.test"), "http://169.254.169.254/latest"):
            result = await guarded(probe, url=bad.url(f"/redirect?to={to}", "public.test"))
            assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.ADDRESS_REFUSED)
            assert f", after 1 redirect at {to}" in result.message
            assert result.observations["redirects"] == 1
        assert inner.connections == 0


@pytest.mark.usefixtures("here_is_public")
async def test_a_name_that_changes_its_mind_gains_nothing(bad: BadServer) -> None:
    """It is resolved once a hop, and what was judged is what is connected to."""
    zone = Zone(addresses={"rebind.test": ("127.0.0.1",)})
    async with dns_server(zone) as address, prober(address) as probe, bad_server(host="127.0.0.2") as inner:
        result = await guarded(probe, url=bad.url("/status/200", "rebind.test"))
        assert result.observations["address"] == "127.0.0.1"
        zone.addresses["rebind.test"] = ("127.0.0.2",)
        again = await guarded(probe, url=inner.url("/status/200", "rebind.test"))
    assert again.reason is Reason.ADDRESS_REFUSED
    assert inner.connections == 0


async def test_a_pinned_address_is_judged(probe: Prober, bad: BadServer) -> None:
    """Whatever the name stands for."""
    result = await guarded(probe, url=bad.url("/status/200", "dns.google"), address="127.0.0.1")
    assert result.message == "its address may not be checked (dns.google is 127.0.0.1, a loopback address)"


@pytest.mark.usefixtures("here_is_public")
async def test_the_token_endpoint_is_judged(probe: Prober, bad: BadServer) -> None:
    """And so that nobody learns a token by it, a monitor without the guard does not lend its own."""
    served = TokenServer()
    async with bad_server(host="127.0.0.2", paths=served.paths()) as inner:
        auth = {"kind": "oauth2", "client_id": "me", "client_secret": "x"}
        inside = auth | {"token_url": inner.url("/token", "127.0.0.2")}
        assert (await probe.get(bad.url("/status/200"), auth=inside)).outcome is Outcome.UP
        result = await guarded(probe, url=bad.url("/status/200"), auth=inside)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.ADDRESS_REFUSED)
    assert len(served.given) == 1


async def test_the_proxy_is_judged(probe: Prober) -> None:
    """A proxy of our own network would reach what we must not."""
    async with http_proxy() as between:
        result = await guarded(probe, url="http://8.8.8.8/", proxy=f"http://127.0.0.1:{between.port}")
    assert result.message == "its address may not be checked (127.0.0.1, a loopback address)"
    assert not between.asked


@pytest.mark.usefixtures("here_is_public")
async def test_what_a_proxy_would_resolve_is_refused(bad: BadServer) -> None:
    """Nobody here could check it; socks5 leaves the name to us, and a literal address is judged."""
    zone = Zone(addresses={"public.test": ("127.0.0.1",), "inside.test": ("127.0.0.2",)})
    url = bad.url("/status/200", "public.test")
    async with dns_server(zone) as address, prober(address) as probe, http_proxy() as by_http, socks_proxy() as socks:
        http, socks5 = f"http://127.0.0.1:{by_http.port}", f"socks5://127.0.0.1:{socks.port}"
        for proxy in (http, f"socks5h://127.0.0.1:{socks.port}"):
            unseen = await guarded(probe, url=url, proxy=proxy)
            assert unseen.reason is Reason.ADDRESS_REFUSED
            assert "the proxy would resolve it, where its address cannot be checked: use socks5://" in unseen.message
        inside = await guarded(probe, url=bad.url("/x", "inside.test"), proxy=socks5)
        literal = await guarded(probe, url="http://10.0.0.1/", proxy=http)
        assert inside.reason is literal.reason is Reason.ADDRESS_REFUSED
        assert by_http.asked == socks.asked == []
        assert (await guarded(probe, url=url, proxy=socks5)).outcome is Outcome.UP
        assert (await guarded(probe, url=bad.url("/status/200"), proxy=http)).outcome is Outcome.UP
        assert (await guarded(probe, url=url, proxy=http, address="127.0.0.1")).outcome is Outcome.UP


async def test_libcurl_gets_no_socket_for_another_address(bad: BadServer) -> None:
    """Should it come to mean another address than the one that was judged, it cannot connect there."""
    multi = Multi(asyncio.get_running_loop(), "")
    target = parse(bad.url("/status/200"))

    def order(only: str) -> Order:
        return Order(target, "GET", [], None, 1000, 1000, Way(only=frozenset((only,))))

    kept, open_ = await multi.perform(order("8.8.8.8")), await multi.perform(order("127.0.0.1"))
    multi.close()
    assert (kept.errno, open_.errno, bad.connections) == (pycurl.E_COULDNT_CONNECT, 0, 1)
