"""urllib3 and requests: proxies, retries, adapters, and the requests that are not the app's."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import sentry_sdk
import urllib3
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from requests.adapters import BaseAdapter, HTTPAdapter

from instrument.clients.conftest import Observed
from saasobs.instrument.clients import urllib3 as urllib3_hook
from saasobs.instrument.state import Operation, enter, leave
from support.echo import OWN, Echo


def test_a_proxy_is_not_where_it_goes(observed: Observed, echo: Echo) -> None:
    """A third party behind a proxy of our own gets no header, though urllib3's pool is that of the proxy."""
    with urllib3.ProxyManager(echo.own) as proxy:
        proxy.request("GET", "http://api.vendor.example/echo")
        proxy.request("GET", "http://billing.internal/echo")
    requests.get("http://api.vendor.example/echo", proxies={"http": echo.own}, timeout=5)
    assert [("x-request-id" in headers) for _, headers in echo.seen] == [False, True, False]
    assert observed.count("GET", "api.vendor.example", "200") == 2.0
    assert observed.count("GET", "billing.internal", "200") == 1.0


def test_a_redirect_behind_a_proxy(observed: Observed, echo: Echo) -> None:
    """A redirect from an own host to a third party takes nothing along, with a proxy between too."""
    with urllib3.ProxyManager(echo.own) as proxy:
        proxy.request("GET", "http://billing.internal/to?code=302&url=http://api.vendor.example/echo")
    assert [("x-request-id" in headers) for _, headers in echo.seen] == [True, False]


def test_a_retry_is_a_call_of_its_own(observed: Observed, echo: Echo) -> None:
    """Each attempt is counted and has a span of its own, and our headers once."""
    observed.record()
    retries = urllib3.Retry(total=2, status_forcelist=[503], backoff_factor=0)
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=retries))
        assert session.get(f"{echo.own}/flaky", timeout=5).status_code == 200
    assert observed.count("GET", OWN, "503") == 1.0
    assert observed.count("GET", OWN, "200") == 1.0
    first, second = (headers["traceparent"] for _, headers in echo.seen)
    assert (len(first), len(second)) == (1, 1)
    assert first != second


def test_the_apps_request_is_as_it_was(observed: Observed, echo: Echo) -> None:
    """Our headers are not left on what the app holds."""
    headers = {"a": "b"}
    with requests.Session() as session:
        response = session.get(f"{echo.own}/echo", headers=headers, timeout=5)
    with urllib3.PoolManager(headers=headers) as pool:
        pool.request("GET", f"{echo.own}/echo", headers=urllib3.HTTPHeaderDict([("c", "1"), ("c", "2")]))
    assert headers == {"a": "b"}
    assert "x-request-id" not in response.request.headers
    assert response.json()["x-request-id"] == ["corr-1"]
    assert echo.headers()["c"] == ["1", "2"]


def test_a_streamed_response_is_the_apps(observed: Observed, echo: Echo) -> None:
    """A response that is not read at once comes unread, and its connection goes back to the pool."""
    with requests.Session() as session:
        for _ in range(3):
            with session.get(f"{echo.own}/echo", stream=True, timeout=5) as response:
                assert b"corr-1" in b"".join(response.iter_content())
    assert observed.count("GET", OWN, "200") == 3.0


def test_an_adapter_of_the_apps_works_as_before(observed: Observed) -> None:
    """An adapter that does not use urllib3 is not touched."""

    class Canned(BaseAdapter):
        def send(self, request: requests.PreparedRequest, *args: object, **kwargs: object) -> requests.Response:
            response = requests.Response()
            response.status_code, response.raw, response.request = 200, BytesIO(b"canned"), request
            return response

        def close(self) -> None:
            pass

    with requests.Session() as session:
        session.mount("http://", Canned())
        assert session.get("http://billing/", timeout=5).content == b"canned"


def test_nobody_there(observed: Observed) -> None:
    """A port that nobody listens to raises the library's own error, which names the metric."""
    with pytest.raises(requests.ConnectionError):
        requests.get("http://127.0.0.1:1/", timeout=5)
    assert observed.count("GET", OWN, "NewConnectionError") == 1.0


def test_an_error_report_is_left_alone(observed: Observed, echo: Echo) -> None:
    """What the Sentry SDK sends is neither counted nor given headers."""
    client = sentry_sdk.Client(dsn=echo.own.replace("://", "://key@") + "/1", default_integrations=False)
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        sentry_sdk.capture_message("hello")
        client.close(timeout=5)
    target, headers = echo.seen[-1]
    assert target == "/api/1/envelope/"
    assert "x-request-id" not in headers
    assert not observed.out.instrumentation.metrics.client.families[0].series


def test_spans_on_their_way_are_left_alone(observed: Observed, echo: Echo) -> None:
    """What the OTLP exporter sends makes no spans, no numbers and carries no headers of ours."""
    observed.record()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{echo.own}/v1/traces")))
    provider.get_tracer("t").start_span("s").end()
    provider.shutdown()
    target, headers = echo.seen[-1]
    assert target == "/v1/traces"
    assert "x-request-id" not in headers
    assert not observed.spans.get_finished_spans()
    assert not observed.out.instrumentation.metrics.client.families[0].series


def test_opentelemetrys_own_instrumentation_wins(observed: Observed, echo: Echo) -> None:
    """Beside OpenTelemetry's instrumentation of requests there is one span and one trace header, both its own."""
    observed.record()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(observed.spans))
    RequestsInstrumentor().instrument(tracer_provider=provider)
    try:
        requests.get(f"{echo.own}/echo", timeout=5)
    finally:
        RequestsInstrumentor().uninstrument()
    (span,) = observed.spans.get_finished_spans()
    assert span.context is not None
    (header,) = echo.headers()["traceparent"]
    assert f"{span.context.span_id:016x}" in header
    assert echo.headers()["x-request-id"] == ["corr-1"]


_BESIDE_SENTRY = """
import sys, httpx, requests, sentry_sdk, saasobs
from saasobs.instrument.installing import started
from saasobs.instrument.state import Operation, enter
own, third = sys.argv[1:]
sentry_sdk.init(dsn=third.replace("://", "://key@") + "/1", traces_sample_rate=1.0)
saasobs.instrument()
operation = Operation("corr-1")
started().tracer.begin(operation)
operation.baggage = "plan=free"
enter(operation)
with sentry_sdk.start_transaction(name="t"):
    requests.get(own + "/echo", timeout=5)
    httpx.get(own + "/echo")
sentry_sdk.flush(5)
series = started().metrics.client.families[0].series
print(sorted(series))
"""


def test_sentrys_headers_beside_ours(echo: Echo) -> None:
    """With Sentry's tracing on, its headers and ours are there, none of ours twice; its own requests do not count."""
    command = [sys.executable, "-c", _BESIDE_SENTRY, echo.own, echo.third]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    calls = [headers for target, headers in echo.seen if target == "/echo"]
    assert [headers["x-request-id"] for headers in calls] == [["corr-1"]] * 2
    assert [len(headers["traceparent"]) for headers in calls] == [1, 1]
    assert all("sentry-trace" in headers for headers in calls)
    assert [target for target, _ in echo.seen].count("/api/1/envelope/") >= 1
    assert done.stdout.splitlines()[-1] == "[('GET', '127.0.0.1', '200')]"


def test_outside_of_an_operation_headers_are_not_copied(observed: Observed, echo: Echo) -> None:
    """Without an operation the pool gets the very headers it was given."""
    token = enter(None)
    with urllib3.PoolManager() as pool:
        assert pool.request("GET", f"{echo.own}/echo", headers={"a": "b"}).status == 200
    leave(token)
    assert echo.headers()["a"] == ["b"]


def test_headers_that_come_by_position(observed: Observed) -> None:
    """A subclass may hand the headers on by position: they are not given a second time."""
    given: list[tuple[Any, ...]] = []

    def original(*args: Any, **kwargs: Any) -> Any:
        given.append((*args[4:], kwargs))
        return SimpleNamespace(status=200)

    pool = SimpleNamespace(host="127.0.0.1", port=1, scheme="http")
    token = enter(Operation("abc"))
    try:
        urllib3_hook._observing(original)(pool, None, "GET", "/", b"", {"A": "1"})
        urllib3_hook._observing(original)(pool, None, "GET", "/", b"")
    finally:
        leave(token)
    assert given[0] == (b"", {"A": "1"}, {})
    assert given[1][1]["headers"]
