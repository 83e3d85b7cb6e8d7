"""Every way in which a server can fail ends in its own reason and a sentence that a person understands."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from saasobs.core.result import Outcome, Reason
from support.badhttp import BadServer, closed_port, deaf_port
from support.probing import Prober, prober
from support.serving import port_of, serving

FAILURES: list[tuple[str, dict[str, Any], Reason, str]] = [
    ("/reset", {}, Reason.CONNECTION_RESET, r"the connection was broken off \(.*reset.*\)"),
    ("/reset-body", {}, Reason.CONNECTION_RESET, r"the connection was broken off \(.*reset.*\)"),
    ("/short", {}, Reason.BODY_TRUNCATED, r"the answer ended too early \(.*986 bytes.*\)"),
    ("/cut-chunks", {}, Reason.BODY_TRUNCATED, r"the answer ended too early \(.*outstanding read data.*\)"),
    ("/bad-chunks", {}, Reason.PROTOCOL_ERROR, r"the answer breaks the rules of its protocol \(.*chunk.*\)"),
    ("/garbage", {}, Reason.PROTOCOL_ERROR, r"the answer breaks the rules of its protocol \(Received HTTP/0.9.*\)"),
    ("/bad-header", {}, Reason.PROTOCOL_ERROR, r"the answer breaks the rules of its protocol \(.*[Hh]eader.*\)"),
    ("/empty", {}, Reason.EMPTY_RESPONSE, r"the server closed the connection without an answer \(.*\)"),
    (
        "/endless-header",
        {},
        Reason.PROTOCOL_ERROR,
        r"the answer breaks the rules of its protocol \(its header is larger than 256 KiB\)",
    ),
    ("/bomb", {}, Reason.BODY_TOO_LARGE, r"the answer is larger than allowed \(more than 1 MiB\)"),
    ("/big", {}, Reason.BODY_TOO_LARGE, r"the answer is larger than allowed \(more than 1 MiB\)"),
    ("/big?bytes=11", {"max_body": 10}, Reason.BODY_TOO_LARGE, r".*\(more than 10 B\)"),
    ("/bad-gzip", {}, Reason.BODY_ENCODING, r"the answer could not be decoded \(.*\)"),
    ("/silent", {"timeout": 0.2}, Reason.RESPONSE_TIMEOUT, r"no answer in time \(127.0.0.1:\d+, [\d.]+m?s\)"),
    ("/drip", {"timeout": 0.2}, Reason.TRANSFER_TIMEOUT, r"the answer did not finish in time \(.*, [\d.]+m?s\)"),
    ("/drip-header", {"timeout": 0.2}, Reason.TRANSFER_TIMEOUT, r"the answer did not finish in time \(.*\)"),
    ("/loop", {}, Reason.TOO_MANY_REDIRECTS, r"too many redirects: more than 10, the last at http://.*/loop\?n=10"),
    (
        "/redirect?to=file:///etc/passwd",
        {},
        Reason.REDIRECT_REFUSED,
        r"redirected to .*only http and https are followed, not file .*",
    ),
    ("/redirect?to=https:///x", {}, Reason.REDIRECT_REFUSED, r"redirected to .*the URL has no host.*"),
    ("/redirect?to=http://a%20b/", {}, Reason.REDIRECT_REFUSED, r"redirected to .*is not a host name.*"),
    ("/status/500", {}, Reason.STATUS_MISMATCH, r"status 500, expected 200-299"),
]


@pytest.mark.parametrize(("path", "options", "reason", "sentence"), FAILURES, ids=[case[0] for case in FAILURES])
async def test_a_failure_has_its_reason_and_its_sentence(
    probe: Prober, bad: BadServer, path: str, options: dict[str, Any], reason: Reason, sentence: str
) -> None:
    """Each kind of misbehaviour is down for its own reason, and the message says what was seen."""
    result = await probe.get(bad.url(path), **options)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result
    assert re.fullmatch(sentence, result.message), result.message
    assert result.failures[0].reason is reason
    assert sum(result.phases.values()) == result.duration


async def test_a_refused_connection(probe: Prober) -> None:
    """Nothing listening is told apart from a host that cannot be reached."""
    async with closed_port() as port:
        result = await probe.get(f"http://127.0.0.1:{port}/")
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CONNECT_REFUSED)
    assert result.message == f"the connection was refused: nothing listens there (127.0.0.1:{port})"


async def test_a_refused_connection_by_name_shows_what_was_tried(probe: Prober) -> None:
    """The message names the addresses behind the name."""
    async with closed_port() as port:
        result = await probe.get(f"http://localhost:{port}/")
    assert result.reason is Reason.CONNECT_REFUSED
    assert result.message.endswith(f"(localhost:{port} at 127.0.0.1, ::1)")


async def test_a_handshake_that_never_answers(probe: Prober) -> None:
    """A TLS server that accepts and stays silent times out in the handshake, not in the connection."""
    async with deaf_port() as port:
        result = await probe.get(f"https://127.0.0.1:{port}/", timeout=0.2)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.TLS_TIMEOUT)
    assert result.message.startswith(f"the TLS handshake did not finish in time (127.0.0.1:{port}")
    assert list(result.phases) == ["dns", "connect", "tls"]


async def test_plain_http_behind_https(probe: Prober) -> None:
    """A server that does not speak TLS fails in the handshake."""

    async def speak_plainly(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with serving(speak_plainly) as listener:
        result = await probe.get(f"https://127.0.0.1:{port_of(listener)}/")
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.TLS_FAILED)
    assert result.message.startswith("the TLS handshake failed (")


async def test_a_failure_on_the_way_names_its_hop(probe: Prober, bad: BadServer) -> None:
    """After redirects the message says which address failed."""
    async with closed_port() as port:
        result = await probe.get(bad.url(f"/redirect?to=http://127.0.0.1:{port}/next"))
    assert result.reason is Reason.CONNECT_REFUSED
    assert result.message.endswith(f", after 1 redirect at http://127.0.0.1:{port}/next")


async def test_a_mistake_of_ours_is_unknown(bad: BadServer) -> None:
    """An exception inside a check says nothing about the target, and does not leave the probe."""
    async with prober() as broken:
        broken.probe._fetcher._engines = None  # type: ignore[assignment]
        result = await broken.get(bad.url("/status/200"))
        broken.probe._fetcher._engines = {}
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERNAL)
    assert result.message == "the check failed inside this daemon: AttributeError"


async def test_a_truncated_answer_keeps_its_excerpt(probe: Prober, bad: BadServer) -> None:
    """What did arrive is shown, with the status it pretended."""
    result = await probe.get(bad.url("/short"))
    assert result.excerpt == "only this much"
    assert result.observations["status"] == 200
