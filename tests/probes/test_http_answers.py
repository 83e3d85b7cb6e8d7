"""Expectations judged over the wire: what is sent, what is said of an answer that is not as expected, what is kept."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from saasobs.core.result import Outcome, Reason
from support.badhttp import BadServer
from support.probing import Prober

STATUS = quote('{"status": "failing", "queue": 120, "items": [{"n": 1}, {"n": 7}], "ready": true, "token": "s3cret"}')
UNMET: list[tuple[str, dict[str, Any], Reason, str]] = [
    ("/status/500", {}, Reason.STATUS_MISMATCH, "status 500, expected 200-299"),
    ("/status/204", {"status": [200, "3xx"]}, Reason.STATUS_MISMATCH, "status 204, expected 200, 3xx"),
    ("/text?body=all+is+lost", {"body_contains": "well"}, Reason.BODY_MISMATCH, 'the body does not contain "well"'),
    ("/text?body=an+ERROR", {"body_not_contains": ["fatal", "ERROR"]}, Reason.BODY_MISMATCH,
     'the body contains "ERROR", which it must not'),
    ("/text?body=v12", {"body_matches": r"v\d{3}"}, Reason.BODY_MISMATCH, r"the body does not match v\d{3}"),
    ("/text?body=v123", {"body_not_matches": r"v\d{3}"}, Reason.BODY_MISMATCH,
     r'the body matches v\d{3} with "v123", which it must not'),
    (f"/json?body={STATUS}", {"json": {"$.status": "ok"}}, Reason.JSON_MISMATCH,
     '$.status is "failing", expected "ok"'),
    (f"/json?body={STATUS}", {"json": {"$.queue": {"<": 100}}}, Reason.JSON_MISMATCH, "$.queue is 120, expected < 100"),
    (f"/json?body={STATUS}", {"json": {"$.items[*].n": {"<": 5}}}, Reason.JSON_MISMATCH,
     "$.items[*].n is 7, expected < 5"),
    (f"/json?body={STATUS}", {"json": {"$.nope": 1}}, Reason.JSON_MISMATCH, "$.nope is missing, expected 1"),
    (f"/json?body={STATUS}", {"json": {"$.token": "x"}}, Reason.JSON_MISMATCH, '$.token is ***, expected "x"'),
    ("/text?body=hello", {"json": {"$.a": 1}}, Reason.JSON_MISMATCH, "the body is not JSON"),
    ("/text?body=", {"json": {"$.a": 1}}, Reason.JSON_MISMATCH, "the body is empty, expected JSON"),
    ("/header?X_Mode=slow", {"headers": {"X-Mode": "^fast$"}}, Reason.HEADER_MISMATCH,
     'header X-Mode is "slow", expected to match ^fast$'),
    ("/status/200", {"headers": {"X-Mode": "fast"}}, Reason.HEADER_MISMATCH,
     "header X-Mode is missing, expected to match fast"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "expect", "reason", "sentence"), UNMET, ids=[case[3][:40] for case in UNMET])
async def test_an_unmet_expectation_names_expected_and_seen(
    probe: Prober, bad: BadServer, path: str, expect: dict[str, Any], reason: Reason, sentence: str
) -> None:
    """The target is down, for the expectation's reason, in a sentence with both values."""
    result = await probe.get(bad.url(path), expect=expect)
    assert (result.outcome, result.reason, result.message) == (Outcome.DOWN, reason, sentence)
    assert [failure.reason for failure in result.failures] == [reason]


async def test_every_unmet_expectation_is_told(probe: Prober, bad: BadServer) -> None:
    """One sentence leads, the others are counted, and each is listed with expected and seen."""
    expect = {"status": 200, "body_contains": ["one", "two"], "json": {"$.a": 1}}
    result = await probe.get(bad.url("/status/503"), expect=expect)
    assert result.message == "status 503, expected 200 (and 3 more)"
    assert [failure.expectation for failure in result.failures] == ["status", "body_contains", "body_contains", "json"]
    assert (result.failures[0].expected, result.failures[0].seen) == ("200", "503")


async def test_met_expectations_are_up_and_quiet(probe: Prober, bad: BadServer) -> None:
    """An answer as expected has no message and no excerpt."""
    expect = {
        "status": "2xx",
        "headers": {"content-type": "json$"},
        "body_contains": "status",
        "body_not_contains": "fatal",
        "body_matches": ["fail.ng", "queue"],
        "body_not_matches": "^$",
        "json": {"$.queue": {">": 100, "<=": 120}, "$.items[*].n": {"exists": True}, "$.x": {"exists": False}},
        "down_over": "5s",
    }
    result = await probe.get(bad.url(f"/json?body={STATUS}"), expect=expect)
    assert (result.outcome, result.message, result.excerpt, result.failures) == (Outcome.UP, "", "", ())


async def test_a_slow_answer_is_degraded_then_down(probe: Prober, bad: BadServer) -> None:
    """`degraded_over` and `down_over` judge the whole check's time."""
    slow = bad.url("/slow?seconds=0.1")
    degraded = await probe.get(slow, expect={"degraded_over": "50ms", "down_over": "5s"})
    down = await probe.get(slow, expect={"degraded_over": "20ms", "down_over": "50ms"})
    assert (degraded.outcome, degraded.reason) == (Outcome.DEGRADED, Reason.TOO_SLOW)
    assert re.fullmatch(r"answered in [\d.]+m?s, more than 50ms \(degraded\)", degraded.message)
    assert (down.outcome, down.reason) == (Outcome.DOWN, Reason.TOO_SLOW)
    assert re.fullmatch(r"answered in [\d.]+m?s, more than 50ms", down.message)


async def test_a_grave_failure_speaks_before_a_mere_degradation(probe: Prober, bad: BadServer) -> None:
    """A slow answer with a wrong body is down for the body."""
    result = await probe.get(bad.url("/slow"), expect={"degraded_over": "1ms", "body_contains": "early"})
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.BODY_MISMATCH)
    assert result.message == 'the body does not contain "early" (and 1 more)'


async def test_the_excerpt_is_bounded_and_redacted(probe: Prober, bad: BadServer) -> None:
    """A failed check shows at most 500 characters, no password, no control characters."""
    body = quote('{"password": "hunter2"}\x1b[31m ' + "x" * 1000)
    result = await probe.get(bad.url(f"/text?body={body}"), expect={"status": 201})
    assert len(result.excerpt) == 500
    assert result.excerpt.startswith('{"password": "***"}\\x1b[31m xxx')


async def test_the_excerpt_follows_the_charset(probe: Prober, bad: BadServer) -> None:
    """Text is read by the Content-Type's charset, for people and for expectations alike."""
    url = bad.url(f"/text?type={quote('text/html; charset=iso-8859-1')}&body=%E9t%E9")
    assert (await probe.get(url, expect={"body_contains": "été"})).outcome is Outcome.UP
    assert (await probe.get(url, expect={"status": 500})).excerpt == "été"


async def test_compressed_answers_are_read(probe: Prober, bad: BadServer) -> None:
    """A gzip body is judged decompressed."""
    result = await probe.get(bad.url("/gzip?body=inside"), expect={"body_contains": "inside"})
    assert result.outcome is Outcome.UP
    assert result.observations["body_bytes"] == len("inside")
    assert "gzip" in bad.asked[0].headers["accept-encoding"]


async def test_a_body_just_at_the_cap_is_whole(probe: Prober, bad: BadServer) -> None:
    """The cap refuses what is larger, not what fits."""
    result = await probe.get(bad.url("/big?bytes=1000"), max_body=1000)
    assert result.outcome is Outcome.UP
    assert result.observations["body_bytes"] == 1000


async def test_what_a_check_sends_by_itself(probe: Prober, bad: BadServer) -> None:
    """User-Agent, X-Request-ID and a sampled traceparent that the result names."""
    correlation = "0123456789abcdef0123456789abcdef"
    result = await probe.get(bad.url("/echo"), correlation_id=correlation)
    sent = bad.asked[0].headers
    assert sent["user-agent"].startswith("saasobs/")
    assert sent["x-request-id"] == correlation
    version, trace, span, flags = sent["traceparent"].split("-")
    assert (version, trace, flags) == ("00", result.observations["trace_id"], "01")
    assert len(span) == 16
    assert int(span, 16)


async def test_correlation_can_be_switched_off(probe: Prober, bad: BadServer) -> None:
    """`correlate: false` sends neither header and names no trace."""
    result = await probe.get(bad.url("/echo"), correlation_id="abc", correlate=False)
    assert not {"x-request-id", "traceparent"} & bad.asked[0].headers.keys()
    assert "trace_id" not in result.observations


async def test_the_users_headers_win(probe: Prober, bad: BadServer) -> None:
    """A header in the file replaces ours and libcurl's, whatever its case."""
    headers = {"user-AGENT": "me", "X-Request-Id": "mine", "Accept": "text/x", "X-Name": "Zoë"}
    await probe.get(bad.url("/echo"), headers=headers, correlation_id="ours")
    sent = bad.asked[0].headers
    assert (sent["user-agent"], sent["x-request-id"], sent["accept"]) == ("me", "mine", "text/x")
    assert sent["x-name"].encode("latin-1").decode() == "Zoë"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_a_body_is_sent_as_it_stands(probe: Prober, bad: BadServer, method: str) -> None:
    """Any method may carry a body; its Content-Type is the user's to name."""
    body = json.dumps({"q": "{ é }"})
    await probe.get(bad.url("/echo"), method=method, body=body, headers={"Content-Type": "application/json"})
    await probe.get(bad.url("/echo"), method=method, body=body)
    asked, untyped = bad.asked
    assert (asked.method, asked.body.decode(), asked.headers["content-type"]) == (method, body, "application/json")
    assert "content-type" not in untyped.headers
    assert "expect" not in untyped.headers


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PURGE"])
async def test_a_method_without_a_body(probe: Prober, bad: BadServer, method: str) -> None:
    """Nothing is sent as a body where none is given."""
    result = await probe.get(bad.url("/echo"), method=method)
    assert result.outcome is Outcome.UP, result.message
    assert (bad.asked[0].method, bad.asked[0].body) == (method, b"")


async def test_head_reads_no_body(probe: Prober, bad: BadServer) -> None:
    """HEAD is up on the header alone, whatever length it announces."""
    result = await probe.get(bad.url("/status/200"), method="HEAD")
    assert (result.outcome, result.observations["body_bytes"]) == (Outcome.UP, 0)


async def test_a_login_in_the_url_is_sent_and_never_shown(probe: Prober, bad: BadServer) -> None:
    """Credentials of the URL become basic authentication; no result shows them."""
    result = await probe.get(f"http://bob:s%40fe@127.0.0.1:{bad.port}/status/500?api_key=k1&x=1")
    assert bad.asked[0].headers["authorization"] == "Basic Ym9iOnNAZmU="
    assert "s%40fe" not in repr(result)
    assert "k1" not in repr(result)
    assert result.observations["url"] == f"http://127.0.0.1:{bad.port}/status/500?api_key=***&x=1"


async def test_what_the_target_says_of_itself_is_kept(probe: Prober, bad: BadServer) -> None:
    """Server-Timing and X-Request-ID of the answer are observations, bounded."""
    result = await probe.get(bad.url(f"/header?Server_Timing=app%3Bdur%3D5&X_Request_ID={'i' * 900}"))
    assert result.observations["server_timing"] == "app;dur=5"
    assert result.observations["request_id"] == "i" * 500


async def test_early_hints_are_no_answer(probe: Prober, bad: BadServer) -> None:
    """The headers judged are the final answer's."""
    up = await probe.get(bad.url("/early-hints"), expect={"headers": {"X-Late": "yes"}})
    down = await probe.get(bad.url("/early-hints"), expect={"headers": {"X-Early": "yes"}})
    assert (up.outcome, down.reason) == (Outcome.UP, Reason.HEADER_MISMATCH)


async def test_headers_in_any_bytes_are_read(probe: Prober, bad: BadServer) -> None:
    """A header that is no UTF-8 is Latin-1; trailers after the body are no headers."""
    latin = await probe.get(bad.url("/latin-header"), expect={"headers": {"X-Name": "^Zoë$"}})
    assert latin.outcome is Outcome.UP, latin.message
    trailer = await probe.get(bad.url("/trailers"), expect={"headers": {"X-Trailer": "x"}, "body_contains": "hello"})
    assert trailer.message == "header X-Trailer is missing, expected to match x"


async def test_a_catastrophic_pattern_ends_and_blames_nobody(probe: Prober, bad: BadServer) -> None:
    """A regular expression that would run for ever is stopped; the target is not down for it."""
    url = bad.url(f"/text?body={'a' * 60}")
    result = await probe.get(url, expect={"body_matches": "(a+)+b"})
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERNAL)
    assert result.message == "this answer could not be judged: the patterns under expect take too long on it"
    other = await probe.get(url, expect={"body_matches": "(a+)+b", "status": 201})
    assert (other.outcome, other.reason) == (Outcome.DOWN, Reason.STATUS_MISMATCH)


async def test_a_large_body_is_judged_off_the_loop(probe: Prober, bad: BadServer) -> None:
    """Texts are looked for in a large answer without changing the verdict."""
    url = bad.url("/big?bytes=500000")
    up, down = await asyncio.gather(
        probe.get(url, expect={"body_contains": "xxx"}), probe.get(url, expect={"body_contains": "y"})
    )
    assert (up.outcome, down.reason) == (Outcome.UP, Reason.BODY_MISMATCH)
