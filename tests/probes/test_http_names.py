"""Resolving: every resolver error has its reason, and a dead name costs nobody else anything."""

from __future__ import annotations

import asyncio
import re

import pycares.errno
import pytest

from saasobs.core.result import Outcome, Reason
from saasobs.probes.net.resolve import ARES_REASONS, LookupFailed, lookup
from support.badhttp import BadServer, bad_server
from support.dns import Zone, dns_server
from support.probing import prober

ZONE = Zone(
    addresses={"good.test": ("127.0.0.1",), "both.test": ("::1", "127.0.0.1"), "bare.test": ()},
    errors={"servfail.test": "SERVFAIL", "refused.test": "REFUSED", "notimp.test": "NOTIMP"},
    silent=lambda name: "dead" in name,
)

FAILURES = [
    ("gone.test", Reason.DNS_NOT_FOUND, r"the name does not exist: gone.test \(Domain name not found\)"),
    ("bare.test", Reason.DNS_NOT_FOUND, r"the name does not exist: bare.test \(.*no data\)"),
    ("servfail.test", Reason.DNS_FAILED, r"the name could not be resolved: servfail.test \(.*general failure\)"),
    ("refused.test", Reason.DNS_FAILED, r"the name could not be resolved: refused.test \(.*refused query\)"),
    ("notimp.test", Reason.DNS_FAILED, r"the name could not be resolved: notimp.test \(.*not implement.*\)"),
    ("dead.test", Reason.DNS_TIMEOUT, r"no answer from the name server in time: dead.test \([\d.]+m?s\)"),
    (f"{'a' * 70}.test", Reason.DNS_FAILED, r"the name could not be resolved: a{70}.test \(.*\)"),
]


@pytest.mark.parametrize(("name", "reason", "sentence"), FAILURES, ids=[case[0][:20] for case in FAILURES])
async def test_a_name_that_does_not_resolve(name: str, reason: Reason, sentence: str) -> None:
    """Not found, broken and silent are different reasons; all of the time was spent in the DNS phase."""
    async with dns_server(ZONE) as address, prober(address) as probe:
        result = await probe.get(f"http://{name}/", timeout=0.3)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert re.fullmatch(sentence, result.message), result.message
    assert result.phases == {"dns": result.duration}


def test_every_resolver_error_has_a_reason() -> None:
    """A new error of c-ares must be given a reason before it can be shipped."""
    known = {number for number in pycares.errno.errorcode if number != pycares.errno.ARES_SUCCESS}
    assert known == set(ARES_REASONS)


async def test_a_resolved_name_is_asked_for_by_its_name(bad: BadServer) -> None:
    """The address is ours, Host stays the user's; the DNS phase has its time."""
    async with dns_server(ZONE) as address, prober(address) as probe:
        result = await probe.get(bad.url("/echo", "good.test"))
    assert result.outcome is Outcome.UP, result.message
    assert bad.asked[0].headers["host"] == f"good.test:{bad.port}"
    assert result.observations["address"] == "127.0.0.1"
    assert result.phases["dns"] > 0
    assert sum(result.phases.values()) == result.duration


async def test_happy_eyeballs_fall_back(bad: BadServer) -> None:
    """A name with a dead IPv6 and a living IPv4 address is up."""
    async with dns_server(ZONE) as address, prober(address) as probe:
        result = await probe.get(bad.url("/status/200", "both.test"))
    assert result.outcome is Outcome.UP, result.message
    assert result.observations["address"] == "127.0.0.1"


@pytest.mark.parametrize("host", ["localhost", "api.localhost", "127.0.0.1"])
async def test_localhost_and_addresses_need_no_resolver(bad: BadServer, host: str) -> None:
    """They work while every name server is silent."""
    zone = Zone(silent=lambda _name: True)
    async with dns_server(zone) as address, prober(address) as probe:
        result = await probe.get(bad.url("/status/200", host))
    assert result.outcome is Outcome.UP, result.message
    assert zone.asked == []


async def test_fifty_dead_names_delay_no_healthy_one(bad: BadServer) -> None:
    """A healthy check ends while fifty dead names are still waiting, through the same resolver."""
    async with dns_server(ZONE) as address, prober(address) as probe:
        dead = [asyncio.create_task(probe.get(f"http://dead-{number}.test/", timeout=10)) for number in range(50)]
        await asyncio.sleep(0.1)
        healthy = [await probe.get(bad.url("/status/200", "good.test")) for _ in range(5)]
        still_waiting = [task for task in dead if not task.done()]
        for task in dead:
            task.cancel()
        await asyncio.gather(*dead, return_exceptions=True)
    assert {result.outcome for result in healthy} == {Outcome.UP}
    assert len(still_waiting) == 50


async def test_each_check_asks_anew_and_meets_its_own_address() -> None:
    """No answer is cached, here or in libcurl, and concurrent checks of one name do not mix their addresses up."""
    zone = Zone(addresses={"moving.test": ("127.0.0.1",)})
    async with dns_server(zone) as address, prober(address) as probe, bad_server() as here:
        first = await probe.get(here.url("/status/200", "moving.test"))
        zone.addresses["moving.test"] = ("127.0.0.2",)
        second = await probe.get(here.url("/status/200", "moving.test"))
        zone.addresses["moving.test"] = ("127.0.0.1",)
        third = await probe.get(here.url("/status/200", "moving.test"))
    assert (first.outcome, third.outcome) == (Outcome.UP, Outcome.UP)
    assert (second.reason, second.message) == (
        Reason.CONNECT_REFUSED,
        f"the connection was refused: nothing listens there (moving.test:{here.port} at 127.0.0.2)",
    )


async def test_a_cancelled_lookup_leaves_nothing_running() -> None:
    """No retry goes out for a lookup that nobody waits for any more."""
    zone = Zone(silent=lambda _name: True)
    async with dns_server(zone) as address:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await lookup("dead.test", (address,))
        asked = len(zone.asked)
        await asyncio.sleep(2.2)  # c-ares would try again after two seconds
        assert len(zone.asked) == asked


async def test_an_answer_too_large_for_udp_comes_over_tcp() -> None:
    """A truncated answer is asked for again over TCP."""
    zone = Zone(addresses={"large.test": ("127.0.0.1", "127.0.0.2")}, truncated=frozenset({"large.test"}))
    async with dns_server(zone) as address:
        assert set(await lookup("large.test", (address,))) == {"127.0.0.1", "127.0.0.2"}


async def test_an_unusable_name_server_is_told() -> None:
    """A name server that nothing listens on fails the lookup, it does not hang it."""
    async with dns_server(Zone()) as address:
        pass
    with pytest.raises(LookupFailed) as failed:
        async with asyncio.timeout(20):
            await lookup("good.test", (address,))
    assert failed.value.reason in (Reason.DNS_FAILED, Reason.DNS_TIMEOUT)
