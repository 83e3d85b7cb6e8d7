"""Metrics monitors from end to end: pages of the real client library on loopback, scraped and judged over time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from saasobs.core.result import Outcome, Reason, Result
from saasobs.core.values import MINUTE
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.metrics.registry import Metrics
from saasobs.probes import KINDS, Tools
from saasobs.probes.metrics.judge import TABLE
from saasobs.probes.metrics.memory import Memory
from support.badhttp import BadServer
from support.probing import Others, Pings, SetClock, check, monitor
from support.scraped import OPENMETRICS, page
from support.scraping import START, scraper
from support.tls import Certificates

BUCKETS = (0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0)
LABELS = ("http_request_method", "http_route", "http_response_status_code")


class App:
    """An app's own metrics, as our instrumentation exports them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        name = "http_server_request_duration_seconds"
        self.durations = Histogram(name, "So slow.", LABELS, buckets=BUCKETS, registry=self.registry)
        name = "http_server_request_db_queries"
        self.queries = Histogram(name, "So many.", LABELS, buckets=(5, 10, 20, 50), registry=self.registry)

    def serve(self, count: int, route: str = "/checkout", seconds: float = 0.05, status: int = 200) -> None:
        for _ in range(count):
            self.durations.labels("GET", route, str(status)).observe(seconds)

    def ask_database(self, count: int, queries: int, route: str = "/checkout") -> None:
        for _ in range(count):
            self.queries.labels("GET", route, "200").observe(queries)


async def after(app: App, expect: dict[str, Any], work: Any, **options: Any) -> Result:
    """The verdict of the second scrape, before which the app did its work."""
    async with scraper(expect=expect, **options) as one:
        one.page.show(app.registry)
        await one.scrape()
        work(app)
        return await one.scrape()


async def test_it_is_unknown_until_there_is_enough_to_judge_by() -> None:
    """A first scrape is only a beginning, and few requests are not held against anyone."""
    app = App()
    app.serve(1000, seconds=9)
    async with scraper(route="/checkout", window="5m", expect={"p95": "2s"}) as one:
        one.page.show(app.registry)
        first = await one.scrape()
        assert (first.outcome, first.reason, first.message) == (
            Outcome.UNKNOWN, Reason.INSUFFICIENT_DATA, "collecting: 1 of 2 scrapes",
        )  # fmt: skip
        app.serve(19, seconds=9)
        second = await one.scrape()
        assert (second.outcome, second.message) == (
            Outcome.UNKNOWN, "collecting: 19 of 20 requests in the last 1m",
        )  # fmt: skip
        app.serve(1, seconds=9)
        third = await one.scrape()
        assert third.outcome is Outcome.DOWN
        assert (third.observations["scrapes"], third.observations["requests"]) == (3, 20)
        assert third.observations["window_us"] == 2 * MINUTE


@pytest.mark.parametrize(("slow", "outcome"), [(5, Outcome.UP), (6, Outcome.DOWN)])
async def test_a_limit_at_an_edge_is_exact(slow: int, outcome: Outcome) -> None:
    """95 of 100 requests within 2 s keep `p95: 2s`, 94 do not, whatever an interpolation would say."""

    def work(app: App) -> None:
        app.serve(100 - slow, seconds=2.0)
        app.serve(slow, seconds=2.01)

    result = await after(App(), {"p95": "2s"}, work, route="/checkout")
    assert result.outcome is outcome
    if outcome is Outcome.DOWN:
        assert result.reason is Reason.OUT_OF_BOUNDS
        assert result.message == ("p95 is 2.08s, expected at most 2s (94% of 100 requests in the last 1m kept to 2s)")
        (failure,) = result.failures
        assert (failure.expectation, failure.expected, failure.seen) == ("p95", "at most 2s", "2.08s")


async def test_a_limit_inside_a_bucket_says_that_it_is_an_estimate() -> None:
    """With the bucket that the true value is in."""

    def work(app: App) -> None:
        app.serve(90)
        app.serve(10, seconds=2.2)

    result = await after(App(), {"p95": "2.2s"}, work)
    assert result.outcome is Outcome.DOWN
    assert result.message == (
        "p95 is 2.25s, expected at most 2.2s "
        "(100 requests in the last 1m: between 2s and 2.5s, an estimate, as no bucket ends at 2.2s)"
    )


async def test_a_limit_past_the_last_bucket_cannot_be_judged() -> None:
    """More than ten seconds is all that such buckets tell."""
    result = await after(App(), {"p95": "12s"}, lambda app: app.serve(50, seconds=30))
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.METRIC_MISSING)
    assert result.message == "p95 is more than 10s, where the buckets end: the limit cannot be judged"


async def test_degraded_comes_before_down() -> None:
    """Each figure may have a limit of both kinds."""
    expect = {"p50": {"over": "5s", "degraded_over": "500ms"}, "error_ratio": {"degraded_over": "1%"}}

    def work(app: App) -> None:
        app.serve(98, seconds=0.8)
        app.serve(2, status=503)

    result = await after(App(), expect, work)
    assert result.outcome is Outcome.DEGRADED
    assert [(one.expectation, one.degraded) for one in result.failures] == [("p50", True), ("error_ratio", True)]
    assert result.message == (
        "p50 is 745ms, expected at most 500ms (2% of 100 requests in the last 1m kept to 500ms) (degraded) (and 1 more)"
    )


async def test_errors_are_5xx_unless_said_otherwise() -> None:
    """By the status label; 4xx counts when it is named."""

    def work(app: App) -> None:
        app.serve(90)
        app.serve(10, status=404)

    assert (await after(App(), {"error_ratio": "1%"}, work)).outcome is Outcome.UP
    strict = await after(App(), {"error_ratio": "1%"}, work, errors=["4xx", "5xx"])
    assert strict.message == "error_ratio is 10%, expected at most 1% (10 of 100 requests in the last 1m)"


@pytest.mark.parametrize(("queries", "outcome"), [(20, Outcome.UP), (21, Outcome.DOWN)])
async def test_twenty_queries_are_quiet_and_twenty_one_are_not(queries: int, outcome: Outcome) -> None:
    """The bucket that ends at 20 makes it exact."""
    result = await after(App(), {"queries_per_request": 20}, lambda app: app.ask_database(100, queries))
    assert result.outcome is outcome
    if outcome is Outcome.DOWN:
        assert result.message.startswith("queries_per_request is 48.5, expected at most 20 (0% of 100 requests")


async def test_no_request_may_make_more_when_the_quantile_is_one() -> None:
    """One request in a thousand is enough then."""

    def work(app: App) -> None:
        app.ask_database(999, 3)
        app.ask_database(1, 21)

    assert (await after(App(), {"queries_per_request": 20}, work)).outcome is Outcome.UP
    strict = await after(App(), {"queries_per_request": {"over": 20, "quantile": 1}}, work)
    assert strict.outcome is Outcome.DOWN
    assert "99.9% of 1000 requests" in strict.message


async def test_a_floor_waits_for_the_whole_window() -> None:
    """A silent app is only down once it was silent all through; a burst is told as soon as it is certain."""
    app = App()
    async with scraper(window="3m", expect={"request_rate": {"under": "1/m", "over": "1/s"}}) as one:
        one.page.show(app.registry)
        app.serve(1)
        results = [await one.scrape() for _ in range(4)]
        assert [result.outcome for result in results] == [Outcome.UNKNOWN] * 3 + [Outcome.DOWN]
        assert results[2].message == "collecting: 2m of the 3m window"
        assert results[3].message == "request_rate is 0/s, expected at least 1/m (0 requests in the last 3m)"
        app.serve(3)
        assert (await one.scrape()).outcome is Outcome.UP
        app.serve(181)
        assert (await one.scrape()).message.startswith("request_rate is 1.02/s, expected at most 1/s (184 requests")


async def test_each_route_is_judged_and_the_worst_are_named() -> None:
    """With enough requests; the table of figures goes with the result."""

    def work(app: App) -> None:
        app.serve(100, "/checkout", 2.4)
        app.serve(100, "/invoices", 3.1)
        app.serve(100, "/health", 0.01)
        app.serve(3, "/rare", 60)

    result = await after(App(), {"p95": "2s"}, work, each="http_route")
    assert result.message == "/invoices p95 4.88s, /checkout p95 2.48s, expected at most 2s"
    assert result.failures[0].seen == "/invoices p95 4.88s, /checkout p95 2.48s"
    table = result.observations["table"]
    assert table["/invoices"] == {"requests": 100, "p95": 4_875_000}
    assert set(table) == {"/checkout", "/invoices", "/health"}


async def test_the_table_of_many_routes_is_bounded() -> None:
    """The fifty busiest are kept, and not more than five hundred are judged."""

    def work(app: App) -> None:
        for number in range(600):
            app.serve(20 + number % 10, f"/{number}", 3)

    result = await after(App(), {"p95": "2s"}, work, each="http_route")
    assert result.message.endswith("and 497 more, expected at most 2s")
    assert len(result.observations["table"]) == TABLE
    assert {row["requests"] for row in result.observations["table"].values()} == {29}
    assert result.observations["left_out"] == 100


async def test_other_figures_are_not_fanned_out() -> None:
    """They stand beside the table."""

    def work(app: App) -> None:
        app.serve(50, "/checkout", 3)
        Counter("jobs", "So many.", registry=app.registry).inc(7)

    figures = [{"increase": "jobs_total", "over": 5}]
    result = await after(App(), {"p95": "2s", "figures": figures}, work, each="http_route")
    assert result.failures[1].seen == "at least 7"
    result = await after(App(), {"figures": figures}, work, each="http_route", window="1m")
    assert result.message == "increase of jobs_total is 7, expected at most 5 (in the last 1m)"
    assert (result.observations["figures"], result.observations["table"]) == ({"increase of jobs_total": 7}, {})


async def test_a_label_that_no_series_has_is_missing() -> None:
    """A misspelt `each` is said, not judged as one nameless route."""
    result = await after(App(), {"p95": "2s"}, lambda app: app.serve(50, seconds=9), each="route")
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.METRIC_MISSING)
    assert result.message == "p95 cannot be told: no series has the label route"


async def test_where_picks_the_requests() -> None:
    """By equality and by pattern, together with a route."""

    def work(app: App) -> None:
        app.serve(50, "/api/a", 0.01)
        app.serve(50, "/internal/b", 9)
        app.serve(50, "/api/c", 9, status=500)

    where = '{http_route!~"/internal/.*",http_response_status_code=~"2..",http_request_method="GET"}'
    result = await after(App(), {"p95": "2s"}, work, where=where)
    assert (result.outcome, result.observations["requests"]) == (Outcome.UP, 50)


async def test_a_pattern_that_takes_for_ever_is_stopped() -> None:
    """It is the user's pattern on a stranger's text: unknown, and the loop lives."""

    def work(app: App) -> None:
        app.serve(50, "a" * 60 + "!")

    result = await after(App(), {"p95": "2s"}, work, where='http_route=~"(a+)+b"')
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERNAL)
    assert "regular expressions" in result.message


FIGURES = [
    {"value": "queue_length", "over": 100, "degraded_over": 10},
    {"increase": 'jobs_total{outcome="failed"}', "over": 2},
    {"rate": "jobs_total", "under": "1/m"},
]


async def test_any_other_figure() -> None:
    """Gauges as they stand, counters by how much they grew; the worst series is named."""
    registry = CollectorRegistry()
    queue = Gauge("queue_length", "So long.", ("queue",), registry=registry)
    jobs = Counter("jobs", "So many.", ("outcome",), registry=registry)
    queue.labels("mail").set(3)
    jobs.labels("done").inc(500)
    async with scraper(window="2m", expect={"figures": FIGURES}) as one:
        one.page.show(registry)
        assert (await one.scrape()).outcome is Outcome.UNKNOWN
        queue.labels("mail").set(20)
        assert (await one.scrape()).outcome is Outcome.DEGRADED
        queue.labels("mail").set(101)
        queue.labels("export").set(5000)
        jobs.labels("failed").inc(3)
        result = await one.scrape()
    assert [one.expectation for one in result.failures] == ["queue_length", 'increase of jobs_total{outcome="failed"}']
    assert (
        result.message == 'queue_length{queue="export"} is 5000 (and 1 more series), expected at most 100 (and 1 more)'
    )
    assert result.failures[1].seen == "3"
    assert result.observations["figures"] == {
        "queue_length": 5000, 'increase of jobs_total{outcome="failed"}': 3, "rate of jobs_total": 0.025,
    }  # fmt: skip


async def test_a_missing_metric_is_what_the_user_says() -> None:
    """Unknown by default; down or up on wish. NaN is no value either."""
    expect = {"figures": [{"value": 'temperature{room="a"}', "over": 30}]}
    async with page() as shown:
        shown.say('temperature{room="b"} 99\ntemperature{room="a"} NaN\n')
        verdicts = {}
        for absent in ("unknown", "down", "up"):
            probe = KINDS["metrics"].probe(Tools(SetClock(START), Pings(), Others()))
            asked = monitor("metrics", url=shown.url, expect=expect, absent=absent)
            verdicts[absent] = await probe.check(asked, check())
            await probe.close()
    assert [one.outcome.value for one in verdicts.values()] == ["unknown", "down", "up"]
    assert verdicts["down"].reason is Reason.METRIC_MISSING
    assert verdicts["unknown"].message == (
        'temperature{room="a"} cannot be told: temperature{room="a"} is not a number (NaN)'
    )


@pytest.mark.parametrize(
    ("text", "expect", "words"),
    [
        ("up 1\n", {"p95": "2s"}, "p95 cannot be told: http_server_request_duration_seconds is not on the page"),
        ("up 1\n", {"error_ratio": "1%"}, "http_server_request_duration_seconds_count is not on the page"),
        (
            'http_server_request_duration_seconds_count{http_route="/"} 5\n',
            {"error_ratio": "1%"},
            "http_server_request_duration_seconds_count has no label http_response_status_code",
        ),
        ('http_server_request_duration_seconds_count{http_route="/"} 5\n', {"p95": "2s"}, "has no buckets"),
        ("up 1\n", {"figures": [{"rate": "jobs_total", "over": 1}]}, "jobs_total is not on the page"),
    ],
)
async def test_what_is_not_on_the_page_is_said(text: str, expect: dict[str, Any], words: str) -> None:
    """The misspelt name, the label that is another in this app, the summary that has no buckets."""
    async with scraper(expect=expect) as one:
        one.page.say(text)
        result = await one.scrape()
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.METRIC_MISSING)
    assert words in result.message


async def test_a_route_that_nobody_asked_for_yet_is_not_missing() -> None:
    """Its series appear with its first request."""
    result = await after(App(), {"p95": "2s"}, lambda app: app.serve(50, "/other"), route="/checkout")
    assert (result.outcome, result.message) == (Outcome.UNKNOWN, "collecting: 0 of 20 requests in the last 1m")


async def test_a_failed_figure_that_can_no_longer_be_told_does_not_recover() -> None:
    """When the traffic stops, unknown and not up: the other figures do not speak for it."""
    app = App()
    expect = {"p95": "2s", "figures": [{"value": "up", "under": 1}]}
    Gauge("up", "Up.", registry=app.registry).set(1)
    async with scraper(window="2m", expect=expect) as one:
        one.page.show(app.registry)
        await one.scrape()
        app.serve(50, seconds=9)
        outcomes = [(await one.scrape()).outcome for _ in range(4)]
    assert outcomes == [Outcome.DOWN, Outcome.DOWN, Outcome.UNKNOWN, Outcome.UNKNOWN]


async def test_our_own_instrumentation_fits_without_a_word() -> None:
    """Names, labels and the edge at exactly two seconds."""
    ours = Metrics(InstrumentConfig())
    async with scraper(each="http_route", expect={"p95": "2s", "error_ratio": "1%"}) as one:

        def answer(accept: str) -> tuple[str, bytes]:
            body, content_type = ours.exposition(accept)
            return content_type, body

        one.page.answer = answer
        await one.scrape()
        for _ in range(95):
            ours.observe("GET", "/checkout", 200, 2.0)
        for _ in range(5):
            ours.observe("GET", "/checkout", 200, 9.0)
        assert (await one.scrape()).outcome is Outcome.UP
        ours.observe("GET", "/checkout", 500, 9.0)
        ours.observe("GET", "/checkout", 500, 9.0)
        result = await one.scrape()
    assert [one.seen for one in result.failures] == ["/checkout p95 8.18s", "/checkout error_ratio 1.96%"]


async def test_a_restart_of_the_app_loses_nothing() -> None:
    """What the new process has counted is added to what the old one had."""
    old, new = App(), App()
    async with scraper(window="10m", expect={"p95": "2s", "error_ratio": "50%"}) as one:
        one.page.show(old.registry)
        old.serve(500, status=500)
        await one.scrape()
        old.serve(30)
        await one.scrape()
        one.page.show(new.registry)
        new.serve(12)
        result = await one.scrape()
    assert (result.outcome, result.observations["requests"]) == (Outcome.UP, 42)
    assert result.observations["figures"]["error_ratio"] == 0


async def test_both_formats_say_the_same() -> None:
    """OpenMetrics is asked for; an app that knows only the older format is understood as well."""
    seen = []
    for accept in ("", "text/plain"):
        headers = {"headers": {"Accept": accept}} if accept else {}
        app = App()
        async with scraper(expect={"p95": "2s"}, **headers) as one:
            one.page.show(app.registry)
            await one.scrape()
            app.serve(100, seconds=2.4)
            seen.append(await one.scrape())
            assert one.page.requests[-1][1]["accept"].startswith(accept or "application/openmetrics-text;version=1.0.0")
    assert seen[0].message == seen[1].message != ""


async def test_created_tells_a_new_series_from_an_old_one() -> None:
    """A series whose counter is an hour old was only hidden before: it is a beginning, by the app's own clock."""
    text = """\
# TYPE jobs counter
jobs_total{{queue="old"}} {old}
jobs_created{{queue="old"}} 1700000000.0
jobs_total{{queue="late"}} {late}
jobs_created{{queue="late"}} {created}
# EOF
"""
    expect = {"figures": [{"increase": "jobs_total", "over": 1_000_000}]}
    async with scraper(expect=expect, window="10m") as one:
        one.page.date = "Tue, 14 Nov 2023 23:00:00 GMT"
        now = 1_700_002_800
        one.page.say("# TYPE jobs counter\n# EOF\n", OPENMETRICS)
        await one.scrape()
        one.page.say(text.format(old=400, late=7, created=now - 30), OPENMETRICS)
        await one.scrape()
        one.page.say(text.format(old=405, late=8, created=now - 30), OPENMETRICS)
        result = await one.scrape()
    assert result.observations["figures"] == {} or result.outcome is Outcome.UNKNOWN
    assert "collecting" in result.message
    assert result.observations["scrapes"] == 3


MULTIPLE = """\
# TYPE process_start_time_seconds gauge
process_start_time_seconds {started}
# TYPE jobs_total counter
jobs_total {jobs}
"""


async def test_workers_that_answer_in_turn() -> None:
    """A server with several processes, each with its own counters: no jump between them is taken for growth."""
    expect = {"figures": [{"increase": "jobs_total", "over": 20}]}
    async with scraper(expect=expect, window="6m") as one:
        for minute in range(1, 14):
            worker = minute % 2
            one.page.say(MULTIPLE.format(started=1_500_000_000 + worker, jobs=1000 * worker + minute))
            result = await one.scrape()
        assert result.outcome is Outcome.UP
        assert result.observations["figures"] == {"increase of jobs_total": 12}


OTHERS = """\
# TYPE starlette_requests counter
starlette_requests_total{{app_name="a",method="GET",path="/x",status_code="200"}} {good}
starlette_requests_total{{app_name="a",method="GET",path="/x",status_code="500"}} {bad}
# TYPE request_time_ms histogram
request_time_ms_bucket{{path="/x",le="100"}} {fast}
request_time_ms_bucket{{path="/x",le="2000"}} {fast}
request_time_ms_count{{path="/x"}} {all}
request_time_ms_sum{{path="/x"}} 12345.6
"""


async def test_the_metrics_of_other_libraries() -> None:
    """Names, labels and units can be said; a histogram without +Inf has its count."""
    said = {
        "histogram": "request_time_ms", "requests": "starlette_requests_total", "route_label": "path",
        "status_label": "status_code", "route": "/x",
    }  # fmt: skip
    async with scraper(expect={"p95": "2s", "error_ratio": "1%"}, **said) as one:
        one.page.say(OTHERS.format(good=1000, bad=0, fast=1000, all=1000))
        await one.scrape()
        one.page.say(OTHERS.format(good=1090, bad=10, fast=1094, all=1100))
        result = await one.scrape()
    assert [(one.expectation, one.seen) for one in result.failures] == [("p95", "more than 2s"), ("error_ratio", "10%")]


@pytest.mark.parametrize(
    ("text", "content_type", "reason", "words"),
    [
        ("<html>log in</html>", "text/html", Reason.PROTOCOL_ERROR, "no page of metrics (Content-Type: text/html)"),
        ("# TYPE jobs counter\njobs_total 1\n", OPENMETRICS, Reason.PROTOCOL_ERROR, "it has no # EOF"),
        ('jobs_total{queue="a} 1\n', "text/plain", Reason.PROTOCOL_ERROR, "line 1 is not in the format of metrics"),
        ("\n" * 250_001 + "# HELP \n", "text/plain", Reason.BODY_TOO_LARGE, "more than 250,000 lines"),
    ],
)  # fmt: skip
async def test_what_is_no_page_of_metrics_is_down(text: str, content_type: str, reason: Reason, words: str) -> None:
    """With the reason in words, and a piece of what came."""
    async with scraper(expect={"figures": [{"rate": "jobs_total", "over": 1}]}) as one:
        one.page.say(text, content_type)
        result = await one.scrape()
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason)
    assert words in result.message


async def test_a_scrape_that_fails_has_the_reason_of_its_request(bad: BadServer) -> None:
    """Refused, silent, wrong status, cut short: as the http kind tells them."""
    probe = KINDS["metrics"].probe(Tools(SetClock(START), Pings(), Others()))
    seen = {}
    for path in ("/status/503", "/status/401", "/silent", "/short", "/garbage", "/bomb"):
        timeout = 0.3 if path == "/silent" else 20
        asked = monitor("metrics", timeout=timeout, url=bad.url(path), max_body="64 KiB", expect={"p95": "2s"})
        seen[path] = await probe.check(asked, check())
    await probe.close()
    assert {result.outcome for result in seen.values()} == {Outcome.DOWN}
    assert {path: result.reason for path, result in seen.items()} == {
        "/status/503": Reason.STATUS_MISMATCH,
        "/status/401": Reason.AUTHENTICATION_FAILED,
        "/silent": Reason.RESPONSE_TIMEOUT,
        "/short": Reason.BODY_TRUNCATED,
        "/garbage": Reason.PROTOCOL_ERROR,
        "/bomb": Reason.BODY_TOO_LARGE,
    }
    assert seen["/status/503"].message == "status 503, expected 200-299"
    assert seen["/status/503"].excerpt == "said so"


async def test_the_ssrf_guard_holds() -> None:
    """A target that others may set cannot have our own machine's metrics read."""
    probe = KINDS["metrics"].probe(Tools(SetClock(START), Pings(), Others()))
    async with page() as shown:
        asked = monitor("metrics", public_only=True, url=shown.url, expect={"p95": "2s"})
        result = await probe.check(asked, check())
        await probe.close()
        assert (result.outcome, result.reason, shown.requests) == (Outcome.DOWN, Reason.ADDRESS_REFUSED, [])


async def test_it_logs_in_as_an_http_monitor_does() -> None:
    """With the same options, and without showing them."""
    async with scraper(auth={"kind": "bearer", "token": "tok3n"}, expect={"p95": "2s"}) as one:
        one.page.show(App().registry)
        result = await one.scrape()
        assert one.page.requests[0][1]["authorization"] == "Bearer tok3n"
    assert "tok3n" not in repr(result) + repr(monitor("metrics", url=one.page.url, **one.options))


async def test_what_is_remembered_survives_a_reload_of_the_same_options() -> None:
    """Read anew from the same file, the options are equal; changed ones begin anew."""
    app = App()
    async with scraper() as one:
        one.page.show(app.registry)
        said: dict[str, Any] = {"where": 'http_route=~"/c.*"', "headers": {"X-Token": "s"}, "expect": {"p95": "2s"}}
        await one.scrape(**said)
        app.serve(50)
        assert (await one.scrape(**said)).outcome is Outcome.UP
        changed = await one.scrape(**said, window="10m")
        assert changed.message == "collecting: 1 of 2 scrapes"


def test_monitors_that_are_gone_are_forgotten() -> None:
    """After a while without a check."""
    memory = Memory()
    for minute in range(1000):
        one = monitor("metrics", url="http://app/", expect={"p95": "2s"})
        memory.of(type(one)(f"m{minute}", "metrics", one.options, ""), minute * MINUTE)
    assert len(memory) == 61


async def test_a_large_page_does_not_hold_up_the_loop() -> None:
    """Ten thousand series are read while other checks go on."""
    app = App()
    for number in range(900):
        app.serve(1, f"/api/{number}")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    async with scraper(expect={"p95": "2s"}) as one:
        one.page.show(app.registry)
        text = one.page.answer("")
        one.page.answer = lambda _accept: text
        await one.scrape(timeout=20, expect={"p95": "2s"})
        ticking = asyncio.create_task(tick())
        result = await one.scrape(timeout=20, expect={"p95": "2s"})
        ticking.cancel()
    assert result.outcome is Outcome.UNKNOWN
    assert ticks > 3


NAME = "http_server_request_duration_seconds"
PIECES = st.sampled_from(
    [f'{NAME}_bucket{{http_route="/a",http_response_status_code="200",le="2"}} 5\n', f"{NAME}_bucket", "{", "}", ",",
     'le="', '"', "\n", " ", "1", "NaN", "+Inf", "-1", "1e308", "# TYPE x histogram\n", f"# TYPE {NAME} histogram\n",
     f'{NAME}_count{{http_route="/a",http_response_status_code="500"}} ', 'http_route="', "\\", "# EOF",
     "jobs_total 3\n", 'jobs_total{a="b"} ', "process_start_time_seconds 1e300\n", f"{NAME}_created 1e999\n",
     "é", "\x00", "\r"]
)  # fmt: skip
PAGES = st.lists(PIECES, max_size=25).map("".join)
EVERYTHING = {
    "p95": "2s", "quantiles": {0.5: "1s"}, "error_ratio": "1%", "request_rate": {"under": 1, "over": 1e9},
    "figures": [{"rate": "jobs_total", "over": 1}, {"value": 'jobs_total{a=~"b?"}', "under": 2}],
}  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pages=st.lists(PAGES, min_size=2, max_size=5), each=st.sampled_from([None, "http_route", "a"]))
def test_any_pages_give_results(pages: list[str], each: str | None) -> None:
    """Whatever a target answers, check after check: a result with its reason, never our own fault."""

    async def checks() -> list[Result]:
        options = {"each": each} if each else {}
        async with scraper(window="2m", min_requests=1, expect=EVERYTHING, **options) as one:
            found = []
            for text in pages:
                one.page.say(text, OPENMETRICS if text.endswith("# EOF") else "text/plain")
                found.append(await one.scrape())
            return found

    for result in asyncio.run(checks()):
        assert result.reason is not Reason.INTERNAL, result.message
        assert (result.outcome is Outcome.UP) == (result.message == "")


async def test_certificates_of_the_page_are_watched(certificates: Certificates) -> None:
    """As of any other https target."""
    options = monitor("metrics", url="https://app/metrics", expect={"p95": "2s", "certificate_days": 30}).options
    assert (options.expect.certificate_days, options.expect.certificate_days_down) == (30, 3)
