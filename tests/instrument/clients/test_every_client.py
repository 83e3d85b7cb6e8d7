"""What is promised of outgoing calls, whichever library makes them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3
from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, StatusCode

from instrument.clients.conftest import Observed
from saasobs.instrument import names
from saasobs.instrument.state import enter, leave
from support.echo import OWN, THIRD, Echo

Headers = dict[str, str]
Call = Callable[..., Awaitable[int]]


async def by_httpx(url: str, headers: Headers | None = None, method: str = "GET") -> int:
    with httpx.Client(follow_redirects=True) as client:
        return client.request(method, url, headers=headers).status_code  # noqa: ASYNC212 - the server is elsewhere


async def by_httpx_async(url: str, headers: Headers | None = None, method: str = "GET") -> int:
    async with httpx.AsyncClient(follow_redirects=True) as client:
        return (await client.request(method, url, headers=headers)).status_code


async def by_httpx2(url: str, headers: Headers | None = None, method: str = "GET") -> int:
    with httpx2.Client(follow_redirects=True) as client:
        return client.request(method, url, headers=headers).status_code


async def by_httpx2_async(url: str, headers: Headers | None = None, method: str = "GET") -> int:
    async with httpx2.AsyncClient(follow_redirects=True) as client:
        return (await client.request(method, url, headers=headers)).status_code


async def by_requests(url: str, headers: Headers | None = None, method: str = "GET") -> int:
    with requests.Session() as session:
        return session.request(method, url, headers=headers).status_code


async def by_urllib3(url: str, headers: Headers | None = None, method: str = "GET") -> int:
    with urllib3.PoolManager(retries=urllib3.Retry(None, connect=0, read=0, redirect=5)) as pool:
        return pool.request(method, url, headers=headers).status


async def by_aiohttp(url: str, headers: Headers | None = None, method: str = "GET") -> int:
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as response:
        return response.status


EVERY = (by_httpx, by_httpx_async, by_httpx2, by_httpx2_async, by_requests, by_urllib3, by_aiohttp)
every_client = pytest.mark.parametrize("call", EVERY, ids=lambda call: call.__name__.removeprefix("by_"))
OURS = ("x-request-id", "traceparent", "tracestate", "baggage")


def ours(headers: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: headers[name] for name in OURS if name in headers}


@every_client
async def test_an_own_host_gets_our_headers_once(call: Call, observed: Observed, echo: Echo) -> None:
    """The correlation ID, the trace and the baggage of the operation go to an own host, and the call is counted."""
    observed.operation.tracestate = "a=1"
    observed.operation.baggage = "plan=free"
    assert await call(f"{echo.own}/echo") == 200
    operation = observed.operation
    assert ours(echo.headers()) == {
        "x-request-id": ["corr-1"],
        "traceparent": [f"00-{operation.trace_id}-{operation.span_id}-{operation.trace_flags:02x}"],
        "tracestate": ["a=1"],
        "baggage": ["plan=free"],
    }
    assert observed.count("GET", OWN, "200") == 1.0


@every_client
async def test_a_third_party_gets_nothing(call: Call, observed: Observed, echo: Echo) -> None:
    """A third party sees none of our headers; the call is counted all the same."""
    assert await call(f"{echo.third}/echo") == 200
    assert ours(echo.headers()) == {}
    assert observed.count("GET", THIRD, "200") == 1.0


@every_client
@pytest.mark.parametrize("code", [302, 307])
async def test_a_redirect_takes_nothing_to_a_third_party(call: Call, code: int, observed: Observed, echo: Echo) -> None:
    """Where an own host redirects to a third party, our headers stay behind."""
    assert await call(f"{echo.own}/to?code={code}&url={echo.third}/echo") == 200
    assert ours(echo.headers(0))["x-request-id"] == ["corr-1"]
    assert len(echo.seen) == 2
    assert ours(echo.headers(1)) == {}
    assert observed.count("GET", OWN, str(code)) == 1.0
    assert observed.count("GET", THIRD, "200") == 1.0


@every_client
async def test_a_redirect_among_own_hosts_keeps_them(call: Call, observed: Observed, echo: Echo) -> None:
    """A redirect to an own host gets the headers again, once each, and one from a third party gets them too."""
    assert await call(f"{echo.third}/to?code=302&url={echo.own}/to?url={echo.own}/echo%26code=302") == 200
    assert [bool(ours(headers)) for _, headers in echo.seen] == [False, True, True]
    assert all(len(values) == 1 for values in ours(echo.headers()).values())


@every_client
async def test_what_the_app_has_set_stays(call: Call, observed: Observed, echo: Echo) -> None:
    """Headers that the app sets are not replaced, in any case; its own trace does not get our tracestate."""
    observed.operation.tracestate = "a=1"
    theirs = f"00-{'a' * 32}-{'b' * 16}-01"
    assert await call(f"{echo.own}/echo", {"X-REQUEST-ID": "mine", "TraceParent": theirs, "BAGGAGE": "a=b"}) == 200
    assert ours(echo.headers()) == {"x-request-id": ["mine"], "traceparent": [theirs], "baggage": ["a=b"]}


@every_client
async def test_outside_of_an_operation_it_only_counts(call: Call, observed: Observed, echo: Echo) -> None:
    """With no operation in progress no header is sent."""
    token = enter(None)
    await call(f"{echo.own}/echo")
    leave(token)
    assert ours(echo.headers()) == {}
    assert observed.count("GET", OWN, "200") == 1.0


@every_client
async def test_an_error_is_the_librarys_own(call: Call, observed: Observed, echo: Echo) -> None:
    """A connection that is dropped raises what it raises without us, and is counted under the error's name."""
    with pytest.raises((httpx.HTTPError, httpx2.HTTPError, requests.RequestException, urllib3.exceptions.HTTPError,
                        aiohttp.ClientError)):  # fmt: skip
        await call(f"{echo.own}/drop", method="POST")
    series = observed.out.instrumentation.metrics.client.families[0].series
    assert [(method, host) for method, host, _ in series] == [("POST", OWN)]
    assert all(re.fullmatch(r"[A-Z]\w+", status) for _, _, status in series)


@every_client
async def test_a_sampled_call_has_a_span(call: Call, observed: Observed, echo: Echo) -> None:
    """A recorded operation has one CLIENT span for each attempt, which is the parent on the other side."""
    observed.record()
    await call(f"{echo.own}/status?code=404&token=s3cr3t-value")
    (span,) = observed.spans.get_finished_spans()
    assert span.context is not None
    assert span.parent is not None
    assert (span.name, span.kind, span.status.status_code) == ("GET", SpanKind.CLIENT, StatusCode.ERROR)
    assert f"{span.parent.span_id:016x}" == observed.operation.span_id
    assert echo.headers()["traceparent"] == [f"00-{observed.operation.trace_id}-{span.context.span_id:016x}-03"] or (
        echo.headers()["traceparent"] == [f"00-{observed.operation.trace_id}-{span.context.span_id:016x}-01"]
    )
    said = dict(span.attributes or {})
    port = int(echo.own.rpartition(":")[2])
    assert said["url.full"] == f"{echo.own}/status?code=***&token=***"
    assert (said["server.address"], said["server.port"]) == (OWN, port)
    assert (said["http.request.method"], said["http.response.status_code"], said["error.type"]) == ("GET", 404, "404")


@every_client
async def test_a_third_party_has_a_span_too(call: Call, observed: Observed, echo: Echo) -> None:
    """The span of a call to a third party is recorded, and nothing of it is sent there; a redirect is two spans."""
    observed.record()
    await call(f"{echo.own}/to?code=302&url={echo.third}/echo")
    spans = observed.spans.get_finished_spans()
    assert [(each.attributes or {})["server.address"] for each in spans] == [OWN, THIRD]
    assert ours(echo.headers(1)) == {}


@every_client
async def test_who_traces_itself_gets_no_span_of_ours(call: Call, observed: Observed, echo: Echo) -> None:
    """A call with trace headers of its own is traced by somebody else."""
    observed.record()
    await call(f"{echo.own}/echo", {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    assert not observed.spans.get_finished_spans()


@every_client
async def test_an_exporters_calls_are_left_alone(call: Call, observed: Observed, echo: Echo) -> None:
    """What runs under OpenTelemetry's suppression has no header, no span and is not counted."""
    observed.record()
    key = otel_context._SUPPRESS_INSTRUMENTATION_KEY
    token = otel_context.attach(otel_context.set_value(key, True))
    await call(f"{echo.own}/echo")
    otel_context.detach(token)
    assert ours(echo.headers()) == {}
    assert not observed.spans.get_finished_spans()
    assert observed.count("GET", OWN, "200") is None


@every_client
async def test_unknown_methods_share_a_label(call: Call, observed: Observed, echo: Echo) -> None:
    """A method that nobody knows does not become a label."""
    await call(f"{echo.own}/echo", method="PURGE")
    assert observed.count(names.OTHER_METHOD, OWN, "501") == 1.0


@every_client
async def test_our_own_failure_is_not_the_apps(
    call: Call, observed: Observed, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When our part breaks the call goes through, and the failure is counted."""
    monkeypatch.setattr(observed.operation, "correlation_id", None)  # what cannot happen
    monkeypatch.setattr(observed.operation, "trace_id", 7)
    monkeypatch.setattr(observed.operation, "trace_flags", "x")
    assert await call(f"{echo.own}/echo") == 200
    assert observed.out.value("saasobs_internal_errors_total", hook="client") == 1.0


def test_the_clients_are_all_there() -> None:
    """Each library of the promise is in this file."""
    assert len(EVERY) == 7
