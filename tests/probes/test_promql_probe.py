"""Verdicts by a query: by the real Prometheus and VictoriaMetrics, and against answers that they would not give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes.promql import NotUnderstood, PromqlOptions, QueryFailed, read_answer
from support.badhttp import BadServer
from support.probing import Asker, asker
from support.scraped import Page, page
from support.series import SeriesServer, prometheus, victoria_metrics

SHOP = """\
# TYPE queue_length gauge
queue_length{queue="mail"} 7
queue_length{queue="export"} 42
# TYPE nothing gauge
nothing NaN
"""


@pytest.fixture(scope="session")
def real_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeriesServer]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), SHOP) as server:
        yield server


@pytest.fixture(scope="session")
def real_victoria_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeriesServer]:
    with victoria_metrics(tmp_path_factory.mktemp("victoria-metrics"), SHOP) as server:
        yield server


@pytest.fixture(params=["prometheus", "victoria_metrics"])
def server(request: pytest.FixtureRequest) -> SeriesServer:
    """Each of the two."""
    found: SeriesServer = request.getfixturevalue(f"real_{request.param}")
    return found


@pytest.fixture
async def probe() -> AsyncIterator[Asker]:
    async with asker("promql") as one:
        yield one


@pytest.fixture
async def faked() -> AsyncIterator[Page]:
    async with page() as one:
        yield one


async def test_a_value_within_its_bounds_is_up(server: SeriesServer, probe: Asker) -> None:
    """A scalar, a vector with and without labels; limits themselves are allowed."""
    for query in ("sum(queue_length)", "scalar(sum(queue_length))", "49"):
        result = await probe.ask(url=server.url, query=query, expect={"over": 49, "under": 49})
        assert result.outcome is Outcome.UP, result.message
        assert (result.observations["value"], result.observations["series"]) == (49, 1)


async def test_the_worst_series_is_named(server: SeriesServer, probe: Asker) -> None:
    """With its labels, and how many others are out of bounds too."""
    expect = {"over": 10, "degraded_over": 5}
    result = await probe.ask(url=server.url, query="sum by (queue) (queue_length)", expect=expect)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.OUT_OF_BOUNDS)
    assert result.message == 'the query\'s value for {queue="export"} is 42, expected at most 10'
    assert (result.failures[0].expected, result.failures[0].seen) == ("at most 10", "42")
    assert result.observations["labels"] == {"queue": "export"}
    many = await probe.ask(url=server.url, query="sum by (queue) (queue_length)", expect={"degraded_under": 50})
    assert many.outcome is Outcome.DEGRADED
    assert many.message == (
        'the query\'s value for {queue="mail"} is 7 (and 1 more series), expected at least 50 (degraded)'
    )


@pytest.mark.parametrize("query", ["missing_metric", "nothing"])
async def test_no_value_is_what_the_user_says(server: SeriesServer, probe: Asker, query: str) -> None:
    """Neither an empty answer nor NaN is a number: unknown by default, down or up on wish."""
    seen = {
        absent: await probe.ask(url=server.url, query=query, absent=absent, expect={"over": 1})
        for absent in ("unknown", "down", "up")
    }
    assert [one.outcome.value for one in seen.values()] == ["unknown", "down", "up"]
    assert seen["down"].reason is seen["unknown"].reason is Reason.METRIC_MISSING
    assert seen["down"].message.startswith("the query gives nothing")


async def test_a_mistake_in_the_query_is_shown(server: SeriesServer, probe: Asker) -> None:
    """In the server's words."""
    result = await probe.ask(url=server.url, query="sum(queue_length", expect={"over": 1})
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.QUERY_FAILED)
    assert result.message.startswith("the query failed: ")
    assert "sum(queue_length" in result.message or "unclosed left parenthesis" in result.message


async def test_a_long_query_goes_as_a_form(server: SeriesServer, probe: Asker) -> None:
    """Longer than a URL should be."""
    query = " + ".join(["sum(queue_length)"] * 300)
    result = await probe.ask(url=server.url, query=query, expect={"over": 0})
    assert result.message == "the query's value is 14700, expected at most 0"


async def test_a_range_is_no_value(real_prometheus: SeriesServer, probe: Asker) -> None:
    """What is missing is said."""
    result = await probe.ask(url=real_prometheus.url, query="queue_length[1m]", expect={"over": 1})
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.QUERY_FAILED)
    assert "put a function such as rate()" in result.message


async def test_a_server_that_is_not_there_has_the_reason_of_its_request(probe: Asker, bad: BadServer) -> None:
    """Refused, silent, broken: as the http kind tells them."""
    seen = {}
    for path in ("/silent", "/reset", "/garbage"):
        result = await probe.ask(
            timeout=0.3 if path == "/silent" else 20, url=bad.url(path), query="up", expect={"over": 1}
        )
        seen[path] = (result.outcome, result.reason)
    assert seen == {
        "/silent": (Outcome.DOWN, Reason.RESPONSE_TIMEOUT),
        "/reset": (Outcome.DOWN, Reason.CONNECTION_RESET),
        "/garbage": (Outcome.DOWN, Reason.PROTOCOL_ERROR),
    }


def success(result: Any, kind: str = "vector", **others: Any) -> str:
    return orjson.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **others}).decode()


async def test_the_request_is_what_such_servers_expect(probe: Asker, faked: Page) -> None:
    """Prefix and parameters of the URL stay; tenant and credentials are sent."""
    faked.say(success([1, "5"], "scalar"), "application/json")
    url = faked.url.replace("/metrics", "/mimir/prometheus/?extra_label=a")
    said: dict[str, Any] = {"url": url.replace("//", "//ada:pw@"), "tenant": "team-a|team-b", "headers": {"X-Y": "z"}}
    result = await probe.ask(query="a + b", expect={"over": 9}, **said)
    assert result.outcome is Outcome.UP, result.message
    first, headers, _ = faked.requests[0]
    parts = urlsplit(first.split(" ")[1])
    assert parts.path == "/mimir/prometheus/api/v1/query"
    assert parse_qs(parts.query) == {"extra_label": ["a"], "query": ["a + b"]}
    assert (headers["x-scope-orgid"], headers["x-y"]) == ("team-a|team-b", "z")
    assert headers["authorization"].startswith("Basic ")


async def test_warnings_are_kept(probe: Asker, faked: Page) -> None:
    """And told where the answer is empty, for they may say why."""
    faked.say(success([], warnings=["one store is away"]), "application/json")
    result = await probe.ask(url=faked.url, query="up", expect={"over": 9})
    assert result.observations["warnings"] == ["one store is away"]
    assert result.message == "the query gives nothing (warning: one store is away)"


async def test_infinity_is_a_value(probe: Asker, faked: Page) -> None:
    """Divided by zero is more than any limit, and does not break the result's JSON."""
    faked.say(success([{"metric": {"a": "b"}, "value": [1, "+Inf"]}, {"metric": {}, "value": [1, "NaN"]}]))
    result = await probe.ask(url=faked.url, query="up", expect={"over": 9})
    assert result.message == 'the query\'s value for {a="b"} is inf, expected at most 9'
    orjson.dumps(result.observations)
    assert result.observations["value"] == "inf"


@pytest.mark.parametrize(
    ("status", "text", "reason", "words"),
    [
        (200, "<html>log in</html>", Reason.PROTOCOL_ERROR, "not of Prometheus' API: it is no JSON"),
        (200, "[]", Reason.PROTOCOL_ERROR, "it is no JSON object"),
        (200, '{"status": "ok"}', Reason.PROTOCOL_ERROR, "it has no status and data"),
        (200, success([{"metric": 5}]), Reason.PROTOCOL_ERROR, "a sample is not as it should be"),
        (200, success([[1, "2"]], "streams"), Reason.QUERY_FAILED, "it gives no numbers (streams)"),
        (503, success([]), Reason.STATUS_MISMATCH, "status 503, expected 200-299"),
        (401, "who are you", Reason.AUTHENTICATION_FAILED, "the login was refused (status 401)"),
        (422, '{"status":"error","errorType":"timeout","error":"so long"}', Reason.QUERY_FAILED, "timeout: so long"),
    ],
)  # fmt: skip
async def test_what_is_no_answer_is_down(
    probe: Asker, faked: Page, status: int, text: str, reason: Reason, words: str
) -> None:
    """Each in words, with a piece of what came."""
    faked.status = status
    faked.say(text, "application/json")
    result = await probe.ask(url=faked.url, query="up", expect={"over": 9})
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason)
    assert words in result.message
    assert result.excerpt


def test_its_example_is_one() -> None:
    """What the documentation shows can be read."""
    said = yaml.safe_load(PromqlOptions.example)
    assert said.pop("kind") == "promql"
    said.pop("name")
    assert "{http_response_status_code=~" in PromqlOptions.model_validate(said).query


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"expect": {}}, "needs a limit: one of over, degraded_over, under, degraded_under"),
        ({"expect": {"over": True}}, "must be a number"),
        ({"query": ""}, "query"),
        ({"tenant": "a b"}, "tenant"),
        ({"absent": "maybe"}, "absent"),
    ],
)
def test_mistakes_are_told(said: dict[str, Any], words: str) -> None:
    """When the file is read."""
    with pytest.raises(ValidationError) as raised:
        PromqlOptions.model_validate({"url": "http://p:9090", "query": "up", "expect": {"over": 1}, **said})
    assert words in str(raised.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.sampled_from(["vector", "scalar", "success"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "data", "resultType", "result", "metric", "value", "warnings", "error"]), inner
        )
    ),
    max_leaves=12,
)
SAMPLES = st.lists(JSON | st.fixed_dictionaries({"metric": JSON, "value": JSON}), max_size=3)
ANSWERS = (
    JSON.map(orjson.dumps)
    | st.builds(success, SAMPLES | JSON, st.sampled_from(["vector", "scalar", "matrix"])).map(str.encode)
    | st.binary(max_size=40)
)


@settings(max_examples=400, deadline=None)
@given(ANSWERS)
def test_garbage_is_read_or_refused(body: bytes) -> None:
    """Whatever is answered: samples, or one of two sentences."""
    with suppress(QueryFailed, NotUnderstood):
        answer = read_answer(body)
        assert len(answer.samples) <= answer.series


async def test_many_checks_at_once(probe: Asker, faked: Page) -> None:
    """One probe serves all monitors of its kind."""
    many = success([{"metric": {"n": str(n)}, "value": [1, str(n)]} for n in range(3000)])
    faked.say(many, "application/json")
    asked = [probe.ask(url=faked.url, query="up", expect={"over": limit}) for limit in range(20)]
    results: list[Result] = await asyncio.gather(*asked)
    assert all(result.outcome is Outcome.DOWN for result in results)
    assert results[3].message == 'the query\'s value for {n="2999"} is 2999 (and 2995 more series), expected at most 3'
