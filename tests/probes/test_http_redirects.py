"""Redirects are followed by hand: each hop on its own connection, in its own time, with no secret carried away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saasobs.core.result import Outcome, Reason, Result
from saasobs.core.values import SECOND
from saasobs.probes.http.request import follow, lay_out, trace_id, traceparent
from saasobs.probes.http.target import parse
from support.badhttp import Asked, BadServer, Wire, bad_server
from support.probing import Prober, prober


async def test_hops_are_kept_and_their_phases_summed(probe: Prober, bad: BadServer) -> None:
    """Every hop has its own phases; they sum to the check's, and these to its duration."""
    result = await probe.get(bad.url(f"/redirect?to={quote(bad.url('/redirect?to=/status/200'))}"))
    assert result.outcome is Outcome.UP, result.message
    hops = result.observations["hops"]
    assert [hop["status"] for hop in hops] == [302, 302, 200]
    assert result.observations["redirects"] == 2
    assert result.observations["url"] == bad.url("/status/200")
    for phase, micros in result.phases.items():
        assert micros == sum(hop["phases"][phase] for hop in hops)
    assert sum(result.phases.values()) == result.duration
    assert bad.connections == 3


DELAYS = st.lists(st.floats(0, 0.015), min_size=1, max_size=5)


@settings(max_examples=15)
@given(DELAYS)
def test_the_hops_phases_are_the_whole_time(delays: list[float]) -> None:
    """However long each hop takes, its phases hold its own time, and all of them sum to the check's within 1 ms."""

    async def slow_hop(wire: Wire, asked: Asked) -> None:
        number = int(asked.path.rpartition("/")[2])
        await asyncio.sleep(delays[number])
        last = number + 1 == len(delays)
        await wire.answer(200 if last else 302, b"x", **({} if last else {"Location": f"/hop/{number + 1}"}))

    async def run() -> tuple[Result, float]:
        async with bad_server(paths={"/hop": slow_hop}) as server, prober() as probe:
            begun = time.monotonic()
            result = await probe.get(server.url("/hop/0"))
            return result, time.monotonic() - begun

    result, wall = asyncio.run(run())
    hops = result.observations.get("hops", [{"phases": result.phases}])
    wholes = [sum(hop["phases"].values()) for hop in hops]
    assert result.outcome is Outcome.UP, result.message
    assert abs(sum(wholes) - result.duration) <= 1000
    assert all(whole >= delay * SECOND - 1000 for whole, delay in zip(wholes, delays, strict=True))
    assert result.duration <= wall * SECOND + 1000, "nothing is counted twice"


async def test_a_redirect_can_be_what_is_expected(probe: Prober, bad: BadServer) -> None:
    """With `follow_redirects: false` the redirect itself is judged."""
    url = bad.url("/redirect?to=/status/500")
    kept = await probe.get(url, follow_redirects=False, expect={"status": 302, "headers": {"Location": "/500$"}})
    followed = await probe.get(url)
    assert kept.outcome is Outcome.UP, kept.message
    assert (followed.outcome, followed.message) == (Outcome.DOWN, "status 500, expected 200-299")


async def test_the_cap_on_redirects_is_the_users(probe: Prober, bad: BadServer) -> None:
    """As many as allowed are followed, one more is a failure."""
    url = bad.url("/redirect?to=/status/200")
    assert (await probe.get(url, max_redirects=1)).outcome is Outcome.UP
    refused = await probe.get(url, max_redirects=0)
    assert (refused.reason, refused.message) == (
        Reason.TOO_MANY_REDIRECTS,
        f"too many redirects: more than 0, the last at {url}",
    )


@pytest.mark.parametrize("path", ["/no-location", "/status/304", "/status/300"])
async def test_a_redirect_without_a_way_is_judged_itself(probe: Prober, bad: BadServer, path: str) -> None:
    """Without a Location, or with another 3xx code, there is nothing to follow."""
    result = await probe.get(bad.url(path), expect={"status": "3xx"})
    assert result.outcome is Outcome.UP, result.message


async def test_a_location_with_odd_letters_is_followed(probe: Prober, bad: BadServer) -> None:
    """Spaces and letters outside ASCII are encoded, as browsers do."""
    result = await probe.get(bad.url("/latin-location"))
    assert result.observations["status"] == 200
    assert bad.asked[-1].query["body"].encode("latin-1").decode() == "é 1"


async def test_the_body_of_a_redirect_is_nobodys_business(probe: Prober, bad: BadServer) -> None:
    """The cap judges the last answer, not what a redirect carries along."""
    assert (await probe.get(bad.url("/redirect?to=/json"), max_body=4)).outcome is Outcome.UP


async def test_credentials_stay_at_their_origin(probe: Prober, bad: BadServer) -> None:
    """Authorization, Cookie and whatever is called a secret are not sent to another origin; the rest is."""
    headers = {"Authorization": "Bearer abc", "Cookie": "a=b", "X-Api-Key": "k", "X-Tenant": "acme"}
    async with bad_server() as other:
        to = other.url("/status/200")
        result = await probe.get(f"http://u:p@127.0.0.1:{bad.port}/redirect?to={quote(to)}", headers=headers)
        again = await probe.get(bad.url(f"/redirect?to={quote('/status/200')}"), headers=headers)
        assert (result.outcome, again.outcome) == (Outcome.UP, Outcome.UP)
        assert not {"authorization", "cookie", "x-api-key"} & other.asked[0].headers.keys()
        assert other.asked[0].headers["x-tenant"] == "acme"
    assert {"authorization", "cookie", "x-api-key"} <= bad.asked[-1].headers.keys()


METHODS = [
    (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (307, "POST", "POST"), (308, "POST", "POST"),
    (301, "PUT", "PUT"), (302, "DELETE", "DELETE"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"), (301, "GET", "GET"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "method", "expected"), METHODS)
async def test_methods_change_as_rfc_9110_says(
    probe: Prober, bad: BadServer, status: int, method: str, expected: str
) -> None:
    """303 turns into GET, so do POSTs that meet 301 or 302; the others keep their method and body."""
    with_body = method in ("POST", "PUT")
    options: dict[str, Any] = {"body": "payload", "headers": {"Content-Type": "text/x"}} if with_body else {}
    await probe.get(bad.url(f"/redirect?status={status}&to=/echo"), method=method, **options)
    last = bad.asked[-1]
    assert last.method == expected
    assert last.body == (b"payload" if with_body and expected == method else b"")
    assert ("content-type" in last.headers) == (with_body and expected == method)


async def test_from_http_to_https_and_its_trust(probe: Prober, bad: BadServer) -> None:
    """A redirect to a scheme that is no HTTP is refused, wherever it stands."""
    for scheme in ("ftp", "gopher", "javascript", "data"):
        result = await probe.get(bad.url(f"/redirect?to={scheme}://127.0.0.1/"))
        assert result.reason is Reason.REDIRECT_REFUSED


def origins() -> Iterator[str]:
    yield from ("http://a.example/", "https://a.example/", "http://a.example:81/", "http://b.example/")


@given(st.sampled_from(list(origins())), st.sampled_from(list(origins())), st.sampled_from([301, 302, 303, 307, 308]))
def test_no_secret_ever_crosses_origins(first: str, second: str, status: int) -> None:
    """Whatever the way, secret headers are kept if and only if scheme, host and port stay the same."""
    request = lay_out(parse(first), "GET", {"Authorization": "x", "X-Auth-Token": "y", "X-Plain": "z"}, None)
    there = follow(request, status, second)
    same = parse(first).origin == parse(second).origin
    assert there.has("authorization") == there.has("x-auth-token") == same
    assert there.has("x-plain")
    back = follow(there, status, first)
    assert back.has("authorization") == same


@given(st.text(max_size=130), st.integers(0, 50))
def test_a_trace_id_is_always_valid(correlation: str, hop: int) -> None:
    """W3C: 32 and 16 hex digits, neither all zero, the same for the same check."""
    trace = trace_id(correlation)
    version, carried, span, flags = traceparent(trace, hop).split("-")
    assert (version, carried, flags, len(trace), len(span)) == ("00", trace, "01", 32, 16)
    assert int(trace, 16)
    assert int(span, 16)
    assert trace == trace_id(correlation)


@pytest.mark.parametrize("url", ["http://a.example:0/", "http://a.example:99999/", "http://xn--\u00e9/", "http://[1]/"])
def test_what_is_no_target_is_refused(url: str) -> None:
    """A URL that cannot be connected to is a ValueError with a sentence."""
    with pytest.raises(ValueError, match=r"\w"):
        parse(url)


def test_a_target_is_taken_apart() -> None:
    """Hosts become ASCII, credentials and fragments leave the URL, odd letters are encoded."""
    target = parse("https://bob:p%40ss@Bücher.example:8443/a b/é?q=ü&token=x#frag")
    assert target.url == "https://xn--bcher-kva.example:8443/a%20b/%C3%A9?q=%C3%BC&token=x"
    assert (target.host, target.port, target.login) == ("xn--bcher-kva.example", 8443, "bob:p@ss")
    assert "x#" not in target.shown
    assert target.shown.endswith("token=***")
    assert "token=x" not in repr(target)
    assert "p@ss" not in repr(target)
    assert parse("http://[::1]:8080").url == "http://[::1]:8080/"


@given(st.text(max_size=60))
def test_no_location_breaks_anything(location: str) -> None:
    """Any text leads to an http(s) URL of printable ASCII, or is refused by the one error that is expected."""
    request = lay_out(parse("http://a.example/x"), "GET", {}, None)
    try:
        there = follow(request, 302, location)
    except ValueError:
        return
    assert there.target.url.isascii()
    assert there.target.url.isprintable()
    assert " " not in there.target.url
    assert there.target.scheme in ("http", "https")
