"""tcp: connecting, and dialogues that say which step was not met; STARTTLS in the words of four protocols."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes.tcp.dialogue import ANSWER_LIMIT
from saasobs.probes.tcp.options import Step, TcpOptions, unescape
from support.badhttp import closed_port
from support.dialogue import Peer, Script, closing, garbage, silent, talker
from support.probing import asker
from support.smtp import MailServer
from support.tls import Certificates

Steps = list[dict[str, Any]]


async def ask(script: Script, *steps: dict[str, Any], timeout: float = 5.0, **options: Any) -> Result:
    async with talker(script) as server, asker("tcp") as probe:
        return await probe.ask(timeout=timeout, host="127.0.0.1", port=server.port, steps=list(steps), **options)


async def pong(peer: Peer) -> None:
    while True:
        said = await peer.hear()
        await peer.say(b"+PONG\r\n" if said == b"PING" else b"-ERR unknown command\r\n")


async def test_an_open_port() -> None:
    """Without a dialogue, a connection that is accepted is enough."""
    result = await ask(silent)
    assert result.outcome is Outcome.UP, result.message
    assert list(result.phases) == ["dns", "connect"]
    assert result.observations["address"] == "127.0.0.1"


async def test_a_refused_port() -> None:
    """Nothing listens: down, with the place."""
    async with closed_port() as port, asker("tcp") as probe:
        result = await probe.ask(host="127.0.0.1", port=port)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CONNECT_REFUSED)
    assert result.message == f"the connection was refused: nothing listens there (127.0.0.1:{port})"


async def test_a_dialogue_that_goes_well() -> None:
    """Sends and expectations in turn; the dialogue is a phase of its own."""
    result = await ask(
        pong, {"send": r"PING\r\n", "expect": r"^\+PONG\r?$"}, {"send_hex": "50 49 4e 47 0a", "expect": "PONG"}
    )
    assert result.outcome is Outcome.UP, result.message
    assert list(result.phases) == ["dns", "connect", "dialogue"]
    assert sum(result.phases.values()) == result.duration


async def test_another_answer_than_expected() -> None:
    """The failure names the step, what was expected and what came; the answer is the excerpt."""
    result = await ask(
        pong, {"send": r"PING\r\n", "expect": "PONG"}, {"send": r"NOPE\r\n", "expect": r"^\+OK", "timeout": "100ms"}
    )
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_MISMATCH)
    assert result.message == r'step 2: expected ^\+OK within 100ms, got "\r\n-ERR unknown command\r\n"'
    failure = result.failures[0]
    assert (failure.expectation, failure.expected) == ("step 2", r"^\+OK")
    assert failure.seen == r"\r\n-ERR unknown command\r\n"
    assert "-ERR unknown command" in result.excerpt


async def test_the_check_runs_out_of_time_with_a_wrong_answer() -> None:
    """The deadline of the check, too, ends a step with what was expected and seen, not just with a time-out."""
    result = await ask(pong, {"send": r"x\r\n", "expect": r"^\+OK"}, timeout=0.3)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_MISMATCH)
    assert result.message.startswith(r"step 1: expected ^\+OK within 2")


async def test_a_silent_server() -> None:
    """No answer at all is a time-out of the step."""
    result = await ask(silent, {"send": r"PING\r\n", "expect": "PONG", "timeout": "50ms"})
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_TIMEOUT)
    assert result.message.endswith(", step 1: expected PONG within 50ms)")


async def test_a_server_that_hangs_up() -> None:
    """At once it is an empty response; after a part of the answer it says what came before."""

    async def half(peer: Peer) -> None:
        await peer.ask("220 mail\r\n")
        await peer.say("25")

    early = await ask(closing, {"expect": "^220"})
    late = await ask(half, {"expect": "^220.*\n"}, {"send": r"EHLO x\r\n", "expect": "^250"})
    assert (early.outcome, early.reason) == (Outcome.DOWN, Reason.EMPTY_RESPONSE)
    assert early.message.endswith(", step 1: expected ^220 before it closed the connection)")
    assert (late.outcome, late.reason) == (Outcome.DOWN, Reason.RESPONSE_MISMATCH)
    assert late.message == 'step 2: expected ^250 before it closed the connection, got "25"'


async def test_a_reset() -> None:
    """RST is a connection that was broken off, in the words of the step."""

    async def reset(peer: Peer) -> None:
        await peer.hear()
        peer.reset()

    result = await ask(reset, {"send": r"x\n", "expect": "y"})
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CONNECTION_RESET)
    assert result.message.endswith(", step 1: expected y before the connection was broken off)")


async def test_the_pieces_of_an_answer_make_no_difference() -> None:
    """What came too early for a step is there for the next; ^ stands for the beginning of a line, never of a piece."""

    async def piecemeal(peer: Peer) -> None:
        for piece in (b"2", b"20 first", b"\r\n250 second\r", b"\n221 third\r\n"):
            await peer.say(piece)
            await asyncio.sleep(0.005)
        await peer.until_gone()

    async def at_once(peer: Peer) -> None:
        await peer.say(b"220 first\r\n250 second\r\n221 third\r\n")
        await peer.until_gone()

    async def misleading(peer: Peer) -> None:
        await peer.say(b"220 250 first\r\n")
        await peer.until_gone()

    steps = ({"expect": "^220"}, {"expect": "^250"}, {"expect": "^221 "})
    for script in (piecemeal, at_once):
        result = await ask(script, *steps)
        assert result.outcome is Outcome.UP, result.message
    wrong = await ask(misleading, {"expect": "^220 "}, {"expect": "^250", "timeout": "50ms"})
    assert wrong.message == r'step 2: expected ^250 within 50ms, got "250 first\r\n"'


async def test_bytes() -> None:
    """Binary protocols: bytes out as hexadecimal or base64, bytes in by escapes."""

    async def binary(peer: Peer) -> None:
        assert await peer.reader.readexactly(2) == b"\xff\x00"
        await peer.say(b"\x00\xfe\x80")
        assert await peer.reader.readexactly(2) == b"\x01\x02"
        await peer.say("ñ")
        await peer.until_gone()

    well = await ask(binary, {"send_hex": "ff00", "expect": r"\xfe"}, {"send_base64": "AQI=", "expect": "ñ"})
    wrong = await ask(binary, {"send": r"\xff\0", "expect": r"\xfd", "timeout": "50ms"})
    assert well.outcome is Outcome.UP, well.message
    assert wrong.message == r'step 1: expected \xfd within 50ms, got "\x00\xfe\x80"'


async def test_an_endless_answer_is_read_to_the_cap_only() -> None:
    """A server that pours is cut off, and told by its first words."""

    async def pouring(peer: Peer) -> None:
        while True:
            await peer.say(b"x" * 8192)

    result = await ask(pouring, {"expect": "y"})
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_MISMATCH)
    assert result.message.startswith('step 1: expected y in its first 64 KiB, got "xxxx')
    assert len(result.message) < 250
    assert len(result.excerpt) <= 500
    assert ANSWER_LIMIT == 64 * 1024


async def test_a_pattern_that_takes_too_long_is_our_fault() -> None:
    """Backtracking without end neither stops the daemon nor blames the target."""

    async def nasty(peer: Peer) -> None:
        await peer.say("a" * 40 + "!\r\n")
        await peer.until_gone()

    result = await ask(nasty, {"expect": r"^(a+)+$"})
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERNAL)
    assert result.message.endswith("(the patterns under expect take too long on this answer)")


async def test_a_dripping_server_is_still_down() -> None:
    """Who sends byte by byte gains neither our processor nor a verdict of unknown."""

    async def dripping(peer: Peer) -> None:
        while True:
            await peer.say("x")
            await asyncio.sleep(0)

    result = await ask(dripping, {"expect": "^220 .*ready", "timeout": "200ms"})
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_MISMATCH), result.message


async def test_what_is_sent_is_never_shown() -> None:
    """Neither in the target nor in what a server that repeats it says."""

    async def echo(peer: Peer) -> None:
        await peer.say(b"unknown: " + await peer.hear() + b"\r\n")
        await peer.until_gone()

    send = r"LOGIN ann fake-pass-word\r\n"
    result = await ask(echo, {"send": send, "expect": "^OK", "timeout": "50ms"})
    assert "fake-pass-word" not in repr(result)
    assert "unknown: ***" in result.message
    options = TcpOptions.model_validate({"host": "a", "port": 1, "steps": [{"send": send}]})
    assert "fake" not in repr(options) + options.model_dump_json() + options.target()


async def test_tls_from_the_first_byte(certificates: Certificates) -> None:
    """`tls` encrypts everything, and the certificate is described and judged."""
    good, expiring = certificates.good(), certificates.expiring(10)
    for identity, outcome in ((good, Outcome.UP), (expiring, Outcome.DEGRADED)):
        async with talker(pong, identity.context()) as server, asker("tcp") as probe:
            result = await probe.ask(
                host="localhost", port=server.port, tls=True, ca_file=str(identity.ca_file),
                steps=[{"send": r"PING\r\n", "expect": "PONG"}],
            )  # fmt: skip
        assert result.outcome is outcome, result.message
        assert list(result.phases) == ["dns", "connect", "tls", "dialogue"]
        assert result.observations["certificate"]["names"][0] == "localhost"
        assert result.observations["tls_version"] == "TLSv1.3"


def smtp_like(context: ssl.SSLContext) -> Script:
    async def script(peer: Peer) -> None:
        await peer.ask("220 mail ESMTP\r\n")
        await peer.ask("250-mail\r\n250 STARTTLS\r\n")
        await peer.say("220 2.0.0 go ahead\r\n")
        await peer.secure(context)
        assert await peer.hear() == b"EHLO monitor"
        await peer.ask("250 mail\r\n")
        await peer.say("221 bye\r\n")

    return script


def imap_like(context: ssl.SSLContext) -> Script:
    async def script(peer: Peer) -> None:
        assert await peer.ask("* OK IMAP4rev2 ready\r\n") == b"a STARTTLS"
        await peer.say("a OK begin TLS negotiation now\r\n")
        await peer.secure(context)
        assert await peer.hear() == b"b LOGOUT"
        await peer.say("* BYE\r\nb OK\r\n")

    return script


def pop3_like(context: ssl.SSLContext) -> Script:
    async def script(peer: Peer) -> None:
        assert await peer.ask("+OK ready\r\n") == b"STLS"
        await peer.say("+OK go\r\n")
        await peer.secure(context)
        assert await peer.hear() == b"QUIT"
        await peer.say("+OK bye\r\n")

    return script


def postgres_like(context: ssl.SSLContext) -> Script:
    async def script(peer: Peer) -> None:
        assert await peer.reader.readexactly(8) == bytes.fromhex("0000000804d2162f")
        await peer.say("S")
        await peer.secure(context)
        await peer.until_gone()

    return script


SMTP: Steps = [
    {"expect": "^220 "},
    {"send": r"EHLO monitor\r\n", "expect": "^250[ -]STARTTLS"},
    {"send": r"STARTTLS\r\n", "expect": "^220", "starttls": True},
    {"send": r"EHLO monitor\r\n", "expect": "^250 "},
    {"send": r"QUIT\r\n", "expect": "^221"},
]
IMAP: Steps = yaml.safe_load(TcpOptions.example)["steps"]
POP3: Steps = [{"expect": r"^\+OK"}, {"send": r"STLS\r\n", "expect": r"^\+OK"}, {"starttls": True},
               {"send": r"QUIT\r\n", "expect": r"^\+OK"}]  # fmt: skip
POSTGRES: Steps = [{"send_hex": "00 00 00 08 04 d2 16 2f", "expect": "^S", "starttls": True}]
DIALOGUES = {"smtp": (smtp_like, SMTP), "imap": (imap_like, IMAP), "pop3": (pop3_like, POP3),
             "postgres": (postgres_like, POSTGRES)}  # fmt: skip


@pytest.mark.parametrize("protocol", DIALOGUES)
async def test_starttls_in_the_words_of_four_protocols(protocol: str, certificates: Certificates) -> None:
    """A dialogue may turn to TLS in the middle, however the protocol asks for it."""
    make, steps = DIALOGUES[protocol]
    identity = certificates.good()
    async with talker(make(identity.context())) as server, asker("tcp") as probe:
        result = await probe.ask(host="localhost", port=server.port, ca_file=str(identity.ca_file), steps=steps)
    assert result.outcome is Outcome.UP, result.message
    assert result.observations["certificate"]["chain_length"] == 1
    assert list(result.phases) == ["dns", "connect", "dialogue", "tls"]


@pytest.mark.parametrize("protocol", DIALOGUES)
async def test_a_bad_certificate_after_starttls_is_described(protocol: str, certificates: Certificates) -> None:
    """The second look goes through the dialogue again up to TLS, and says nothing after it."""
    make, steps = DIALOGUES[protocol]
    identity = certificates.expired()
    async with talker(make(identity.context())) as server, asker("tcp") as probe:
        result = await probe.ask(host="localhost", port=server.port, ca_file=str(identity.ca_file), steps=steps)
        assert server.connections == 2
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CERTIFICATE_EXPIRED)
    assert "expired at" in result.message
    assert result.observations["certificate"]["days_left"] < 0


async def test_the_certificate_counts_though_the_dialogue_fails_later(certificates: Certificates) -> None:
    """What is wrong after STARTTLS does not hide a certificate that expires."""
    identity = certificates.expiring(1)
    steps = [*IMAP[:2], {"send": r"b LOGOUT\r\n", "expect": "^c OK", "timeout": "100ms"}]
    async with talker(imap_like(identity.context())) as server, asker("tcp") as probe:
        result = await probe.ask(host="localhost", port=server.port, ca_file=str(identity.ca_file), steps=steps)
    assert [failure.reason for failure in result.failures] == [Reason.RESPONSE_MISMATCH, Reason.CERTIFICATE_EXPIRING]


async def test_a_real_mail_server(certificates: Certificates) -> None:
    """The dialogue of the documentation against aiosmtpd."""
    identity = certificates.good()
    async with MailServer(starttls=identity.context()) as server, asker("tcp") as probe:
        result = await probe.ask(host="localhost", port=server.port, ca_file=str(identity.ca_file), steps=SMTP)
    assert result.outcome is Outcome.UP, result.message


async def test_text_that_comes_with_the_answer_to_starttls() -> None:
    """Anything after the line that leads to TLS is refused: it could be somebody else's."""

    async def injecting(peer: Peer) -> None:
        await peer.ask("* OK\r\n")
        await peer.say("a OK go\r\nb OK injected\r\n")
        await peer.until_gone()

    result = await ask(injecting, *IMAP)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.PROTOCOL_ERROR)
    assert result.message.endswith("(it sent something before the TLS handshake)")


async def test_the_rest_of_the_line_before_tls_may_come_late(certificates: Certificates) -> None:
    """A line that has matched is read to its end before the handshake begins."""
    identity = certificates.good()
    context = identity.context()

    async def slowly(peer: Peer) -> None:
        await peer.ask("* OK\r\n")
        await peer.say("a OK begin")
        await asyncio.sleep(0.05)
        await peer.say(" TLS now\r\n")
        await peer.secure(context)
        await peer.hear()
        await peer.say("b OK\r\n")

    result = await ask(slowly, *IMAP, ca_file=str(identity.ca_file), server_name="localhost")
    assert result.outcome is Outcome.UP, result.message


async def test_garbage_where_tls_should_be() -> None:
    """A server that talks something else than TLS is told so."""

    async def no_tls(peer: Peer) -> None:
        await peer.ask("* OK\r\n")
        await peer.say("a OK\r\n")
        await peer.reader.read(1)
        await peer.say("this is no TLS at all\r\n")
        await peer.until_gone()

    result = await ask(no_tls, *IMAP)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.TLS_FAILED)
    assert result.message == "the TLS handshake failed (what answered is not TLS: wrong version number)"


async def test_garbage_as_an_answer() -> None:
    """It is shown escaped, bounded, on one line."""
    result = await ask(garbage, {"expect": "^220", "timeout": "50ms"})
    assert result.message.isprintable()
    assert r'got "\x80\x81' in result.message


async def test_slow_answers() -> None:
    """The time of the whole check is judged."""
    result = await ask(pong, {"send": r"PING\r\n", "expect": "PONG"}, expect={"down_over": "1us"})
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.TOO_SLOW)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"steps": [{}]}, "a step needs send, expect or starttls"),
    ({"steps": [{"send": "a", "send_hex": "00"}]}, "a step sends one thing"),
    ({"steps": [{"send": "a", "timeout": "1s"}]}, "timeout is for what the step expects"),
    ({"steps": [{"send": r"a\q"}]}, r"\\q is no escape"),
    ({"steps": [{"send": "a\\"}]}, r"\\ is no escape"),
    ({"steps": [{"send_hex": "0g"}]}, "not hexadecimal"),
    ({"steps": [{"send_base64": "a"}]}, "not base64"),
    ({"steps": [{"expect": "("}]}, "not a regular expression"),
    ({"steps": [{"starttls": True}, {"starttls": True}]}, "TLS can begin only once"),
    ({"tls": True, "steps": [{"starttls": True}]}, "TLS can begin only once"),
    ({"steps": [{"send": "a"}] * 51}, "at most 50 items"),
    ({"port": 0}, "greater than or equal to 1"),
]


@pytest.mark.parametrize(("options", "sentence"), WRONG)
def test_wrong_options_say_what_is_right(options: dict[str, Any], sentence: str) -> None:
    """Each mistake in a dialogue has its sentence."""
    with pytest.raises(ValidationError, match=sentence):
        TcpOptions.model_validate({"host": "a.example", "port": 1} | options)


@given(st.binary())
def test_every_byte_can_be_written(data: bytes) -> None:
    r"""With \xHH any bytes can be sent as text."""
    assert unescape("".join(f"\\x{byte:02x}" for byte in data)) == data


@given(st.text().filter(lambda text: "\\" not in text and text.isprintable()))
def test_plain_text_is_sent_as_it_stands(text: str) -> None:
    """Without a backslash nothing changes; real line breaks of YAML's double quotes work as well."""
    assert unescape(text) == text.encode()
    step = Step.model_validate({"send": "EHLO x\r\n"})
    assert step.data() == b"EHLO x\r\n"


def test_the_example_is_a_whole_dialogue() -> None:
    """The documentation's monitor reads as it stands, and can be written down again."""
    options = yaml.safe_load(TcpOptions.example)
    assert (options.pop("name"), options.pop("kind")) == ("imap", "tcp")
    read = TcpOptions.model_validate(options)
    assert (read.target(), read.host()) == ("mail.acme.example:143", "mail.acme.example")
    assert read.model_dump(mode="json")["steps"][0]["expect"] == r"^\* OK"
    assert TcpOptions.model_json_schema()
