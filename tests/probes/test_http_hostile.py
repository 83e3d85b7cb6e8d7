"""Servers that mean harm, or have lost their minds: each ends within the deadline, in its own reason, said in words."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.result import REASONS, Outcome, Reason, Result
from support.badhttp import BadServer
from support.probing import Prober, prober
from support.serving import port_of, serving
from support.tls import Certificates

RULES = r"the answer breaks the rules of its protocol \(.+\)"
LATE = r"the answer did not finish in time \(127\.0\.0\.1:\d+, [\d.]+m?s\)"
HOSTILE: list[tuple[str, Reason, str]] = [
    ("/endless-body", Reason.BODY_TOO_LARGE, r"the answer is larger than allowed \(more than 1 MiB\)"),
    ("/endless-chunks", Reason.TRANSFER_TIMEOUT, LATE),
    ("/endless-line", Reason.PROTOCOL_ERROR, RULES),
    ("/endless-trailers", Reason.PROTOCOL_ERROR, RULES),
    ("/flood", Reason.PROTOCOL_ERROR, RULES),
    ("/drip-status", Reason.RESPONSE_TIMEOUT, r"no answer in time \(127\.0\.0\.1:\d+, [\d.]+m?s\)"),
    ("/brotli-bomb", Reason.BODY_TOO_LARGE, r"the answer is larger than allowed \(more than 1 MiB\)"),
    ("/matryoshka", Reason.BODY_TOO_LARGE, r"the answer is larger than allowed \(more than 1 MiB\)"),
    ("/many-encodings", Reason.BODY_ENCODING, r"the answer could not be decoded \(.+\)"),
    ("/unknown-encoding", Reason.BODY_ENCODING, r"the answer could not be decoded \(.*morse.*|.+\)"),
    ("/negative-length", Reason.PROTOCOL_ERROR, RULES),
    ("/two-lengths", Reason.PROTOCOL_ERROR, RULES),
    ("/huge-chunk", Reason.PROTOCOL_ERROR, RULES),
    ("/nul", Reason.PROTOCOL_ERROR, RULES),
    ("/bad-status", Reason.PROTOCOL_ERROR, RULES),
    ("/reset-header", Reason.CONNECTION_RESET, r"the connection was broken off \(.+\)"),
    ("/cut-header", Reason.BODY_TRUNCATED, r"the answer ended too early \(within its header\)"),
    ("/switch", Reason.TRANSFER_TIMEOUT, LATE),
]


@pytest.mark.parametrize(("path", "reason", "sentence"), HOSTILE, ids=[case[0] for case in HOSTILE])
async def test_hostile_answers_end_in_the_right_reason(
    probe: Prober, bad: BadServer, path: str, reason: Reason, sentence: str
) -> None:
    """In time, down, with a sentence, phases that sum to the duration, and no more read than is allowed."""
    result = await probe.get(bad.url(path), timeout=0.5)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result
    assert re.fullmatch(sentence, result.message), result.message
    assert_sound(result)
    assert result.observations.get("body_bytes", 0) <= 1024**2


def assert_sound(result: Result) -> None:
    """What holds of every result, whatever the server did."""
    assert sum(result.phases.values()) == result.duration
    assert min(result.phases.values(), default=0) >= 0
    assert result.reason is None or result.reason in REASONS
    assert result.reason is not Reason.INTERNAL, result.message
    assert result.message.isprintable()
    assert len(result.message) < 600


Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(speak: Speak, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The bare socket, or what is behind a handshake; yields its port."""
    async with serving(speak, ssl=context) as listener:
        yield port_of(listener)


def reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def reset_at_once(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    reset(writer)


async def reset_amid(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(64)
    writer.write(b"\x16\x03\x03\x00\x50\x02\x00\x00")  # a ServerHello that begins, and no more
    await writer.drain()
    await asyncio.sleep(0.02)
    reset(writer)


async def tls_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(64)
    writer.write(bytes(range(256)) * 20)
    await writer.drain()


@pytest.mark.parametrize("speak", [reset_at_once, reset_amid, tls_garbage])
async def test_a_handshake_that_breaks_is_told_as_one(probe: Prober, speak: Speak) -> None:
    """Resets and nonsense where TLS was due."""
    async with raw_server(speak) as port:
        result = await probe.get(f"https://127.0.0.1:{port}/", timeout=1.0)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.TLS_FAILED), result.message
    assert list(result.phases) == ["dns", "connect", "tls"]
    assert_sound(result)


FRAMES: list[tuple[str, bytes]] = [
    ("no frames", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * 10),
    ("a frame that is too large", b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + b"x" * 4096),
    ("goaway", bytes.fromhex("000000040000000000" + "000008070000000000" + "000000000000000b")),
    ("settings, then a reset of the stream", bytes.fromhex("000000040000000000" + "000004030000000001" + "00000001")),
    ("endless pings", bytes.fromhex("000000040000000000") + bytes.fromhex("000008060000000000" + "00" * 8) * 4000),
    ("endless settings", bytes.fromhex("000000040000000000") * 4000),
]


@pytest.mark.parametrize(("name", "frames"), FRAMES, ids=[case[0] for case in FRAMES])
async def test_hostile_http2_ends_in_time(probe: Prober, certificates: Certificates, name: str, frames: bytes) -> None:
    """Frames that break HTTP/2 are the server's failure, over TLS and without."""
    del name
    context = certificates.good().context()
    context.set_alpn_protocols(["h2"])

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(64)
        writer.write(frames)
        await writer.drain()
        await reader.read()

    async with raw_server(speak, context) as secure, raw_server(speak) as plain:
        by_tls = await probe.get(f"https://127.0.0.1:{secure}/", timeout=0.6, ca_file=str(certificates.ca_file))
        url = f"http://127.0.0.1:{plain}/"
        by_knowledge = await probe.get(url, timeout=0.6, http_version="2-prior-knowledge")
    for result in (by_tls, by_knowledge):
        assert result.outcome is Outcome.DOWN, result
        assert result.reason in (
            Reason.PROTOCOL_ERROR, Reason.RESPONSE_TIMEOUT, Reason.CONNECTION_RESET, Reason.EMPTY_RESPONSE,
        ), result.message  # fmt: skip
        assert_sound(result)


async def test_a_hostile_redirect_does_not_show_itself_whole(probe: Prober, bad: BadServer) -> None:
    """A Location of any length and content is shown short and printable."""
    result = await probe.get(bad.url("/redirect?to=gopher://x/%1b[31m" + "a" * 3000))
    assert result.reason is Reason.REDIRECT_REFUSED
    assert_sound(result)


class Stranger:
    """Answers whatever a test wants, to one probe, on one loop."""

    def __init__(self) -> None:
        self.answer = b""
        self._runner = asyncio.Runner()
        self._stack: Any = None
        self._port = 0
        self._probe: Prober | None = None

    def __enter__(self) -> Stranger:
        self._stack = self._runner.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()

    async def _start(self) -> Any:
        stack = AsyncExitStack()
        self._port = await stack.enter_async_context(raw_server(self._speak))
        self._probe = await stack.enter_async_context(prober())
        return stack

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answer)
        await writer.drain()

    def ask(self, answer: bytes, **options: Any) -> Result:
        assert self._probe is not None
        self.answer = answer
        return self._runner.run(self._probe.get(f"http://127.0.0.1:{self._port}/", timeout=2.0, **options))


@pytest.fixture(scope="module")
def stranger() -> Iterator[Stranger]:
    with Stranger() as one:
        yield one


PIECES = st.sampled_from([
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200\r\n", b"HTTP/2 200\r\n", b"HTTP/9.9 999 \xff\r\n", b"HTTP/1.1 302 X\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n", b"HTTP/1.1 401 X\r\n", b"HTTP/1.1 304 X\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 99999999999\r\n", b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: br\r\n", b"Content-Encoding: deflate\r\n", b"Location: //\r\n", b"Location: http://[::1\r\n",
    b"Location: /\xff\xfe\r\n", b"Location: \r\n", b"Set-Cookie: a=b; Domain=.\r\n", b"Connection: close\r\n",
    b"WWW-Authenticate: Digest\r\n", b"Content-Type: application/json; charset=\xff\r\n", b"X-A: \x00\r\n",
    b": x\r\n",
    b"\r\n", b"\r\n\r\n", b"\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"-1\r\n",
    b"\x1f\x8b\x08\x00",
    b'{"status": "ok"}', b"\x00" * 50,
])  # fmt: skip
ANSWERS = st.lists(PIECES | st.binary(max_size=60), max_size=12).map(b"".join) | st.binary(max_size=400)
EXPECT = {
    "json": {"$.status": "ok"},
    "body_contains": "ok",
    "headers": {"Content-Type": "json"},
    "compression": "required",
}


@given(ANSWERS)
def test_any_bytes_are_an_answer_that_can_be_told(stranger: Stranger, answer: bytes) -> None:
    """Whatever a server sends there is a Result with a sentence, and its phases sum to its duration."""
    result = stranger.ask(answer, expect=EXPECT, keep_cookies=True)
    assert_sound(result)
    assert result.outcome is Outcome.DOWN or result.outcome is Outcome.UP


@given(ANSWERS)
def test_any_bytes_leave_the_handle_clean(stranger: Stranger, answer: bytes) -> None:
    """After any answer the next check on the same engine sees only its own."""
    stranger.ask(answer)
    healthy = stranger.ask(b"HTTP/1.1 204 Fine\r\nX-Own: yes\r\n\r\n", expect={"headers": {"X-Own": "yes"}})
    assert (healthy.outcome, healthy.observations["status"]) == (Outcome.UP, 204)
    nothing = stranger.ask(b"")
    assert nothing.reason is Reason.EMPTY_RESPONSE
    assert "status" not in nothing.observations
