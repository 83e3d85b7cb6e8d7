"""Through a proxy: names resolved where they should be, logins sent, and every failure blamed on whose it is."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from saasobs.core.result import Outcome, Reason
from support.badhttp import BadServer, bad_server, closed_port, deaf_port
from support.dns import Zone, dns_server
from support.probing import Prober, prober
from support.proxying import ProxyServer, http_proxy, socks_proxy
from support.tls import Certificates

SCHEMES = ["http", "socks5", "socks5h"]


@asynccontextmanager
async def proxy(scheme: str, **settings: Any) -> AsyncIterator[ProxyServer]:
    async with http_proxy(**settings) if scheme == "http" else socks_proxy(**settings) as server:
        yield server


@pytest.fixture
async def secure(certificates: Certificates) -> AsyncIterator[BadServer]:
    async with bad_server(certificates.good().context()) as server:
        yield server


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_plain_and_by_tls(
    probe: Prober, bad: BadServer, secure: BadServer, certificates: Certificates, scheme: str
) -> None:
    """The target answers through it, every phase has its time, and the proxy is noted."""
    async with proxy(scheme) as between:
        url = f"{scheme}://127.0.0.1:{between.port}"
        plain = await probe.get(bad.url("/echo?a=1"), proxy=url)
        by_tls = await probe.get(secure.url("/echo"), proxy=url, ca_file=str(certificates.ca_file))
    assert (plain.outcome, by_tls.outcome) == (Outcome.UP, Outcome.UP), (plain.message, by_tls.message)
    assert len(between.asked) == 2
    assert bad.asked[0].query == {"a": "1"}
    assert plain.observations["proxy"] == url
    assert by_tls.observations["certificate"]["days_left"] > 80
    for result in (plain, by_tls):
        assert sum(result.phases.values()) == result.duration
    assert list(by_tls.phases) == ["dns", "connect", "tls", "first_byte", "transfer"]


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_login_of_a_proxy(probe: Prober, bad: BadServer, secure: BadServer, scheme: str) -> None:
    """In the URL or beside it; a wrong one or none is the proxy's refusal, and is not shown."""
    async with proxy(scheme, login="me:p@ss w") as between:
        place = f"127.0.0.1:{between.port}"
        for given in (f"{scheme}://me:p%40ss%20w@{place}",
                      {"url": f"{scheme}://{place}", "user": "me", "password": "p@ss w"}):  # fmt: skip
            assert (await probe.get(bad.url("/status/200"), proxy=given)).outcome is Outcome.UP
        for url in (bad.url("/status/200"), secure.url("/status/200")):
            for given in (f"{scheme}://me:wr0ng@{place}", f"{scheme}://{place}"):
                refused = await probe.get(url, proxy=given)
                assert (refused.outcome, refused.reason) == (Outcome.DOWN, Reason.PROXY_FAILED), refused.message
                start = f"the proxy did not let the request through ({scheme}://{place}: "
                assert refused.message.startswith(start)
                assert "wr0ng" not in repr(refused)
                assert sum(refused.phases.values()) == refused.duration


MANNERS: list[tuple[str, str]] = [
    ("silent", r"no answer in time, [\d.]+m?s"),
    ("hangs_up", r".*(aborted|closed connection).*"),
    ("refuses", r"it answered 403 to CONNECT|cannot complete SOCKS5 connection.*"),
    ("garbage", r".*(header|version).*"),
]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("manner", "words"), MANNERS, ids=[case[0] for case in MANNERS])
async def test_a_bad_proxy_is_not_the_targets_fault(
    probe: Prober, secure: BadServer, scheme: str, manner: str, words: str
) -> None:
    """What goes wrong before the way is open is the proxy's, in its own words."""
    async with proxy(scheme, manner=manner) as between:
        place = f"{scheme}://127.0.0.1:{between.port}"
        result = await probe.get(secure.url("/status/200"), timeout=0.4, proxy=place)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.PROXY_FAILED), result.message
    sentence = rf"the proxy did not let the request through \({re.escape(place)}: ({words})\)"
    assert re.fullmatch(sentence, result.message), result.message
    assert sum(result.phases.values()) == result.duration
    assert not secure.asked


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_a_silent_socks_proxy_is_told_from_a_silent_target(probe: Prober, bad: BadServer, scheme: str) -> None:
    """Without TLS, too."""
    async with proxy(scheme, manner="silent") as silent, proxy(scheme) as willing:
        url = bad.url("/silent")
        by_silent = await probe.get(url, timeout=0.3, proxy=f"{scheme}://127.0.0.1:{silent.port}")
        by_willing = await probe.get(url, timeout=0.3, proxy=f"{scheme}://127.0.0.1:{willing.port}")
    assert (by_silent.reason, by_willing.reason) == (Reason.PROXY_FAILED, Reason.RESPONSE_TIMEOUT)


@pytest.mark.parametrize("scheme", [*SCHEMES, "https"])
async def test_a_proxy_that_is_not_there(probe: Prober, bad: BadServer, scheme: str) -> None:
    """Refused connections and unknown names of the proxy are the proxy's failure."""
    async with closed_port() as port, dns_server(Zone()) as address:
        refused = await probe.get(bad.url("/status/200"), proxy=f"{scheme}://localhost:{port}")
        unknown = await probe.get(bad.url("/x"), proxy=f"{scheme}://gone.test:{port}", nameservers=[address])
    assert refused.reason is unknown.reason is Reason.PROXY_FAILED
    assert refused.message.endswith(f"({scheme}://localhost:{port}: it could not be reached at 127.0.0.1, ::1)")
    assert unknown.message.endswith(f"({scheme}://gone.test:{port}: Domain name not found)")
    assert list(unknown.phases) == ["dns"]


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_what_the_target_does_behind_a_proxy_is_its_own(
    probe: Prober, certificates: Certificates, scheme: str
) -> None:
    """Once the way is open, handshakes, certificates and time-outs are the target's."""
    async with proxy(scheme) as between, deaf_port() as port, bad_server(certificates.expired().context()) as expired:
        by: dict[str, Any] = {"proxy": f"{scheme}://127.0.0.1:{between.port}", "ca_file": str(certificates.ca_file)}
        deaf = await probe.get(f"https://127.0.0.1:{port}/", timeout=0.3, **by)
        old = await probe.get(expired.url("/status/200"), **by)
    assert (deaf.reason, old.reason) == (Reason.TLS_TIMEOUT, Reason.CERTIFICATE_EXPIRED)
    assert old.observations["certificate"]["days_left"] < 0


async def test_an_https_proxy(probe: Prober, bad: BadServer, secure: BadServer, certificates: Certificates) -> None:
    """Its own certificate is verified as the target's is, and what is wrong with it is the proxy's failure."""
    good = certificates.good()
    trust: dict[str, Any] = {"ca_file": str(certificates.ca_file)}
    async with http_proxy(good.context()) as between, http_proxy(certificates.untrusted().context()) as stranger:
        by = f"https://127.0.0.1:{between.port}"
        for url in (bad.url("/status/200"), secure.url("/status/200")):
            result = await probe.get(url, proxy=by, **trust)
            assert result.outcome is Outcome.UP, result.message
            by_stranger = await probe.get(url, proxy=f"https://127.0.0.1:{stranger.port}", **trust)
            assert by_stranger.reason is Reason.PROXY_FAILED, by_stranger.message
            assert "certificate" in by_stranger.message
        lax = await probe.get(bad.url("/status/200"), proxy=f"https://127.0.0.1:{stranger.port}", verify=False)
        assert lax.outcome is Outcome.UP
        assert lax.observations["insecure"] is True


async def test_the_certificate_is_the_targets(probe: Prober, secure: BadServer, certificates: Certificates) -> None:
    """That of an https proxy is verified, but it is not the one that is described and judged."""
    async with http_proxy(certificates.expiring(1).context()) as between:
        by = f"https://127.0.0.1:{between.port}"
        result = await probe.get(secure.url("/status/200"), proxy=by, ca_file=str(certificates.ca_file))
    assert result.outcome is Outcome.UP, result.message
    assert result.observations["certificate"]["days_left"] > 80


ZONE = Zone(addresses={"proxy.test": ("127.0.0.1",), "target.test": ("127.0.0.1",)})


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_who_resolves_the_targets_name(bad: BadServer, scheme: str) -> None:
    """The proxy's name is always ours to resolve; the target's with socks5 only. The Host stays the name."""
    zone = Zone(addresses=dict(ZONE.addresses))
    async with dns_server(zone) as address, prober(address) as probe, proxy(scheme) as between:
        between.hosts["target.test"] = "127.0.0.1"
        result = await probe.get(bad.url("/echo", "target.test"), proxy=f"{scheme}://proxy.test:{between.port}")
    assert result.outcome is Outcome.UP, result.message
    assert bad.asked[0].headers["host"] == f"target.test:{bad.port}"
    assert ("target.test" in zone.asked) == (scheme == "socks5")
    assert "proxy.test" in zone.asked
    assert ("target.test" in between.asked[0]) == (scheme != "socks5")
    assert result.phases["dns"] > 0


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_pinned_address_behind_a_proxy(
    probe: Prober, secure: BadServer, bad: BadServer, certificates: Certificates, scheme: str
) -> None:
    """The proxy is asked for the address, Host and SNI stay the name's."""
    async with proxy(scheme) as between:
        by: dict[str, Any] = {"proxy": f"{scheme}://127.0.0.1:{between.port}", "address": "127.0.0.1"}
        plain = await probe.get(bad.url("/echo", "target.test"), **by)
        by_tls = await probe.get(secure.url("/echo", "good.test"), **by, ca_file=str(certificates.ca_file))
    assert (plain.outcome, by_tls.outcome) == (Outcome.UP, Outcome.UP), (plain.message, by_tls.message)
    assert between.asked == [f"127.0.0.1:{bad.port}", f"127.0.0.1:{secure.port}"]
    assert secure.asked[0].headers["host"] == f"good.test:{secure.port}"


async def test_redirects_go_through_the_proxy(probe: Prober, bad: BadServer) -> None:
    """Every hop."""
    async with http_proxy() as between:
        result = await probe.get(bad.url("/redirect?to=/status/200"), proxy=f"http://127.0.0.1:{between.port}")
    assert (result.outcome, len(between.asked)) == (Outcome.UP, 2)


async def test_the_environments_proxies_are_ignored(
    probe: Prober, bad: BadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is one used that is set there, nor one passed over that no_proxy names."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "*")
    assert (await probe.get(bad.url("/status/200"))).outcome is Outcome.UP
    async with http_proxy() as between:
        result = await probe.get(bad.url("/status/200"), proxy=f"http://127.0.0.1:{between.port}")
    assert (result.outcome, len(between.asked)) == (Outcome.UP, 1)
