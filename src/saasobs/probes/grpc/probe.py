"""The grpc kind: makes the call, and judges what the server says of its service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Failure, Reason, Result
from saasobs.probes.grpc.call import Answer, Call
from saasobs.probes.grpc.options import GrpcOptions
from saasobs.probes.grpc.wire import (
    CODE_REASONS,
    METHOD,
    SERVING,
    Malformed,
    code_name,
    read_status,
    request_message,
)
from saasobs.probes.http.request import trace_id, traceparent
from saasobs.probes.inquiry import Inquiry, Trouble, conduct
from saasobs.probes.kind import Tools
from saasobs.probes.net.certificate import Certificate
from saasobs.probes.net.contact import Contact
from saasobs.probes.net.stream import Stream
from saasobs.probes.verdict import Unmet, judge_certificate, judge_time, short

_CHUNK: Final = 8 * 1024


class GrpcProbe:
    """Implements core.ports.Probe."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._contact = Contact(tools)

    async def check(self, monitor: Monitor, check: Check) -> Result:
        return await conduct(monitor, check, self._ask)

    async def close(self) -> None:
        """Nothing is held."""

    async def _ask(self, inquiry: Inquiry) -> None:
        options: GrpcOptions = inquiry.monitor.options
        stream = await self._contact.reach(inquiry, options.host_, options.port, options)
        chain: tuple[Certificate, ...] = ()
        try:
            if options.tls:
                handshake = await self._contact.secure(inquiry, stream, options, alpn=("h2",))
                if handshake.alpn != "h2":
                    raise Trouble(Reason.PROTOCOL_ERROR, "the server did not agree on HTTP/2 in its TLS (ALPN)")
                chain = handshake.chain
            with inquiry.phase("call"):
                answer = await self._call(inquiry, options, stream)
        finally:
            stream.close()
        inquiry.unmet += judge(options, answer, inquiry)
        inquiry.unmet += judge_time(options.expect, inquiry.duration())
        inquiry.unmet += judge_certificate(options.expect, chain, self._tools.clock.now())

    async def _call(self, inquiry: Inquiry, options: GrpcOptions, stream: Stream) -> Answer:
        call = Call()
        headers = call_headers(options, inquiry.check, self._tools.user_agent, inquiry.remaining())
        await stream.send(call.begin(headers, request_message(options.service)))
        while not call.answer.whole:
            data = await stream.some(_CHUNK)
            if not data:
                raise stream.ended()
            if reply := call.take(data):
                await stream.send(reply)
        with suppress(Trouble):  # the answer is here: what becomes of the connection is nobody's matter
            await stream.send(call.end())
        return call.answer


def call_headers(options: GrpcOptions, check: Check, user_agent: str, seconds: float) -> list[tuple[str, str]]:
    """The headers of a call that may take so long, in the order that gRPC asks for."""
    headers = [
        (":method", "POST"),
        (":scheme", "https" if options.tls else "http"),
        (":path", METHOD),
        (":authority", options.authority or options.place),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", user_agent),
        ("grpc-timeout", f"{max(1, min(99_999_999, round(seconds * 1000)))}m"),
    ]
    if options.correlate and check.correlation_id:
        trace = traceparent(trace_id(check.correlation_id), 0)
        headers += [("x-request-id", check.correlation_id), ("traceparent", trace)]
    given = {key: value.reveal() for key, value in options.metadata.items()}
    return [pair for pair in headers if pair[0] not in given] + list(given.items())


def judge(options: GrpcOptions, answer: Answer, inquiry: Inquiry) -> Iterator[Unmet]:
    """What is wrong with a whole answer. :raises Trouble: it is none of gRPC's."""
    inquiry.observations["status"] = answer.status
    if answer.status != 200:
        inquiry.said = answer.body.decode("utf-8", "replace")
        failure = Failure("http_status", "200", str(answer.status), Reason.STATUS_MISMATCH)
        yield Unmet(failure, f"the call was answered with HTTP status {answer.status}, expected 200")
        return
    if not answer.is_grpc:
        inquiry.said = answer.body.decode("utf-8", "replace")
        kind = short(answer.headers.get("content-type", "")) or "no type"
        raise Trouble(Reason.PROTOCOL_ERROR, f"the answer is {kind}, not application/grpc")
    code = _code(answer)
    inquiry.observations["grpc_status"] = code_name(code)
    yield from _not_ok(options, answer, code) if code else _not_serving(options, answer, inquiry)


def _code(answer: Answer) -> int:
    text = answer.headers.get("grpc-status", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise Trouble(Reason.PROTOCOL_ERROR, f'grpc-status is "{short(text)}"' if text else "there is no grpc-status")
    return int(text)


def _not_ok(options: GrpcOptions, answer: Answer, code: int) -> Iterator[Unmet]:
    reason, words = CODE_REASONS.get(code, (Reason.QUERY_FAILED, "the call failed"))
    said = short(unquote(answer.headers.get("grpc-message", "")))
    subject = f" {options.service}" if code == 5 and options.service else ""
    sentence = f"{words}{subject} (grpc-status {code_name(code)}{': ' + said if said else ''})"
    yield Unmet(Failure("grpc_status", code_name(0), code_name(code), reason), sentence)


def _not_serving(options: GrpcOptions, answer: Answer, inquiry: Inquiry) -> Iterator[Unmet]:
    try:
        number = read_status(answer.body)
    except Malformed as error:
        raise Trouble(Reason.PROTOCOL_ERROR, f"the message of the answer cannot be read: {error}") from error
    seen, wanted = SERVING.get(number, str(number)), options.expect.status
    inquiry.observations["serving_status"] = seen
    if seen != wanted:
        subject = options.service or "the server"
        reason = Reason.NOT_SERVING if wanted == "SERVING" else Reason.VALUE_MISMATCH
        failure = Failure("status", wanted, seen, reason)
        yield Unmet(failure, f"{subject} says it is {seen}, expected {wanted}")
