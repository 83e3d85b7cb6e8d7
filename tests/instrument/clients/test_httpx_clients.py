"""httpx and httpx2: transports of any kind, requests that are sent again, instrumentations beside ours."""

from __future__ import annotations

import asyncio
import json
import sys
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest
from httpx_aiohttp import HttpxAiohttpClient
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from instrument.clients.conftest import Observed
from saasobs.instrument.clients import aiohttp as aiohttp_hook
from saasobs.instrument.clients import httpx as httpx_hook
from saasobs.instrument.queries.patching import undo
from saasobs.instrument.state import Operation, enter, leave
from support.capture import captured
from support.echo import OWN, THIRD, Echo

both = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])


@both
def test_a_mock_transport_gets_them_too(library: Any, observed: Observed) -> None:
    """Tests with a MockTransport run as before, and may look for our headers during the call and after it."""
    kept: list[Any] = []

    def answer(request: Any) -> Any:
        kept.append(request)
        return library.Response(200, json={"id": request.headers["x-request-id"]})

    with library.Client(transport=library.MockTransport(answer)) as client:
        assert client.get("http://billing/").json() == {"id": "corr-1"}
        assert client.get("https://api.vendor.example/", headers={"x-request-id": "own"}).json() == {"id": "own"}
    assert kept[0].headers["traceparent"]
    assert "traceparent" not in kept[1].headers
    assert observed.count("GET", "billing", "200") == 1.0


@both
def test_a_subclass_is_a_client(library: Any, observed: Observed, echo: Echo) -> None:
    """Clients of an app's own class are observed, once."""

    class ApiClient(library.Client):  # type: ignore[misc]
        def send(self, request: Any, **options: Any) -> Any:
            return super().send(request, **options)

    with ApiClient() as client:
        client.get(f"{echo.own}/echo")
    assert echo.headers()["x-request-id"] == ["corr-1"]
    assert observed.count("GET", OWN, "200") == 1.0


@both
async def test_calls_at_the_same_time(library: Any, observed: Observed, echo: Echo) -> None:
    """Ten calls of one client at once are ten, each with its headers."""
    async with library.AsyncClient() as client:
        await asyncio.gather(*(client.get(f"{echo.own}/echo") for _ in range(10)))
    assert observed.count("GET", OWN, "200") == 10.0
    assert [headers["x-request-id"] for _, headers in echo.seen] == [["corr-1"]] * 10


@both
def test_a_stream_is_not_read_by_us(library: Any, observed: Observed, echo: Echo) -> None:
    """A streamed response comes to the app unread; its start is what is measured."""
    with library.Client() as client, client.stream("GET", f"{echo.own}/echo") as response:
        assert not response.is_stream_consumed
        assert observed.count("GET", OWN, "200") == 1.0
        assert json.loads(b"".join(response.iter_bytes()))["x-request-id"] == ["corr-1"]


@both
def test_an_answered_challenge_is_two_calls(library: Any, observed: Observed, echo: Echo) -> None:
    """Digest authentication sends one request object twice: each has its own span and our headers once."""
    observed.record()
    with library.Client(auth=library.DigestAuth("a", "b")) as client:
        assert client.get(f"{echo.own}/digest").status_code == 200
    first, second = (headers["traceparent"] for _, headers in echo.seen)
    assert len(first) == len(second) == 1
    assert first != second
    assert [(each.attributes or {})["http.response.status_code"] for each in observed.spans.get_finished_spans()] == [
        401, 200,
    ]  # fmt: skip


@both
def test_a_request_that_is_sent_again_is_of_the_new_operation(library: Any, observed: Observed, echo: Echo) -> None:
    """A request object kept by the app carries the IDs of the operation that sends it."""
    with library.Client() as client:
        request = client.build_request("GET", f"{echo.own}/echo")
        client.send(request)
        token = enter(Operation("corr-2"))
        client.send(request)
        leave(token)
        token = enter(None)
        client.send(request)
        leave(token)
    assert [headers.get("x-request-id") for _, headers in echo.seen] == [["corr-1"], ["corr-2"], None]


@both
def test_a_redirect_that_the_app_follows_itself(library: Any, observed: Observed, echo: Echo) -> None:
    """The `next_request` that httpx offers takes nothing of ours along either."""
    with library.Client() as client:
        response = client.get(f"{echo.own}/to?code=302&url={echo.third}/echo")
        assert "x-request-id" not in response.next_request.headers
        client.send(response.next_request)
    assert "x-request-id" not in echo.headers()
    assert observed.count("GET", THIRD, "200") == 1.0


@both
async def test_a_cancelled_call_is_counted(library: Any, observed: Observed) -> None:
    """A call that is cancelled is counted as that, and stays cancelled."""

    async def never(request: Any) -> Any:
        await asyncio.sleep(30)

    async with library.AsyncClient(transport=library.MockTransport(never)) as client:
        task = asyncio.create_task(client.get("http://billing/"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert observed.count("GET", "billing", "CancelledError") == 1.0


@both
def test_bad_hosts_are_third_parties(library: Any, observed: Observed) -> None:
    """Hosts in odd forms are judged as what they are."""
    seen: dict[str, bool] = {}

    def answer(request: Any) -> Any:
        seen[str(request.url)] = "x-request-id" in request.headers
        return library.Response(200)

    with library.Client(transport=library.MockTransport(answer)) as client:
        for url in (
            "http://user:pw@api.vendor.example:8080/",
            "http://134744072/",
            "http://[::ffff:8.8.8.8]/",
            "http://billing.internal@vendor.example/",
            "http://bücher.example/",
            "http://LOCALHOST./",
        ):
            client.get(url)
    assert list(seen.values()) == [False, False, False, False, False, True]


def test_opentelemetrys_own_instrumentation_wins(observed: Observed, echo: Echo) -> None:
    """Beside OpenTelemetry's instrumentation of httpx there is one span and one trace header, both its own."""
    observed.record()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(observed.spans))
    HTTPXClientInstrumentor().instrument(tracer_provider=provider)
    try:
        with httpx.Client(follow_redirects=True) as client:
            client.get(f"{echo.own}/to?code=302&url={echo.own}/echo")
    finally:
        HTTPXClientInstrumentor().uninstrument()
    spans = observed.spans.get_finished_spans()
    ids = [f"00-{each.context.trace_id:032x}-{each.context.span_id:016x}" for each in spans if each.context]
    assert [[value[:-3] for value in headers["traceparent"]] for _, headers in echo.seen] == [[each] for each in ids]
    assert [headers["x-request-id"] for _, headers in echo.seen] == [["corr-1"]] * 2
    assert {each.instrumentation_scope.name for each in spans if each.instrumentation_scope} == {
        "opentelemetry.instrumentation.httpx"
    }


async def test_httpx_over_aiohttp_is_one_call(observed: Observed, echo: Echo) -> None:
    """A client of one library on top of another is observed once."""
    observed.record()
    async with HttpxAiohttpClient() as client:
        assert (await client.get(f"{echo.own}/echo")).status_code == 200
    assert observed.count("GET", OWN, "200") == 1.0
    assert len(observed.spans.get_finished_spans()) == 1
    assert len(echo.headers()["traceparent"]) == 1


def test_one_of_them_may_be_left_alone(echo: Echo) -> None:
    """`SAASOBS_DISABLE=httpx2` leaves httpx2 as it is, though httpx is observed."""
    with captured(disable=("httpx2",)) as out:
        httpx_hook.install(out.instrumentation)
        aiohttp_hook.install(out.instrumentation)
        try:
            httpx2.get(f"{echo.own}/echo")
            httpx.get(f"{echo.own}/echo")
        finally:
            undo()
        assert out.value("http_client_request_duration_seconds_count", http_request_method="GET",
                         server_address=OWN, http_response_status_code="200") == 1.0  # fmt: skip


def test_a_library_that_is_not_there_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installing looks at what the app has imported only."""
    monkeypatch.delitem(sys.modules, "httpx2")
    with captured() as out:
        httpx_hook.install(out.instrumentation)
        undo()
    assert "httpx2" not in sys.modules
    assert isinstance(httpx2, ModuleType)
