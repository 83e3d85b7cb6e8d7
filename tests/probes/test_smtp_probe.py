"""smtp: the real aiosmtpd and servers of every temper: banner, EHLO, TLS, login; and never a mail."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes.smtp import SmtpOptions
from support.badhttp import closed_port
from support.dialogue import Peer, Script, closing, garbage, silent, talker
from support.probing import asker
from support.smtp import PASSWORD, USER, MailServer
from support.tls import Certificates


async def ask(script: Script, timeout: float = 5.0, **options: Any) -> Result:
    async with talker(script) as server, asker("smtp") as probe:
        return await probe.ask(timeout=timeout, host="127.0.0.1", port=server.port, **options)


async def test_a_healthy_server(certificates: Certificates) -> None:
    """Banner, EHLO and TLS where it is offered, each a phase; no mail is left, and the client says who it is."""
    identity = certificates.good()
    async with MailServer(starttls=identity.context()) as server, asker("smtp") as probe:
        result = await probe.ask(
            host="localhost", port=server.port, ca_file=str(identity.ca_file),
            expect={"banner": "^mail.test", "capabilities": ["STARTTLS", "8bitmime", "SIZE 33554432"]},
        )  # fmt: skip
        assert server.mails == []
        assert server.greetings == ["[127.0.0.1]", "[127.0.0.1]"]
    assert result.outcome is Outcome.UP, result.message
    assert list(result.phases) == ["dns", "connect", "banner", "ehlo", "starttls", "tls"]
    assert sum(result.phases.values()) == result.duration
    assert result.observations["banner"].startswith("mail.test")
    assert result.observations["certificate"]["days_left"] > 80


async def test_a_server_without_tls() -> None:
    """Well where TLS is wanted only when it is offered, down where it must be."""
    async with MailServer() as server, asker("smtp") as probe:
        asked: dict[str, Any] = {"host": "localhost", "port": server.port}
        offered = await probe.ask(**asked)
        none = await probe.ask(**asked, security="none")
        needed = await probe.ask(**asked, security="starttls")
        wanted = await probe.ask(**asked, expect={"capabilities": "STARTTLS"})
    assert (offered.outcome, none.outcome) == (Outcome.UP, Outcome.UP), offered.message
    assert "tls" not in offered.phases
    assert (needed.outcome, needed.reason) == (Outcome.DOWN, Reason.TLS_FAILED)
    assert needed.message == "the TLS handshake failed (the server does not offer STARTTLS)"
    assert (wanted.outcome, wanted.reason) == (Outcome.DOWN, Reason.RESPONSE_MISMATCH)
    assert wanted.message.startswith("the server does not list STARTTLS, but 8BITMIME, ")


async def test_tls_from_the_first_byte(certificates: Certificates) -> None:
    """`tls` on a server that speaks it, and on one that does not."""
    identity = certificates.good()
    async with MailServer(tls=identity.context()) as server, asker("smtp") as probe:
        asked: dict[str, Any] = {"host": "localhost", "ca_file": str(identity.ca_file)}
        well = await probe.ask(**asked, port=server.port, security="tls")
        async with MailServer() as plain:
            wrong = await probe.ask(**asked, port=plain.port, security="tls")
    assert well.outcome is Outcome.UP, well.message
    assert list(well.phases) == ["dns", "connect", "tls", "banner", "ehlo"]
    assert (wrong.outcome, wrong.reason) == (Outcome.DOWN, Reason.TLS_FAILED)
    assert wrong.message.startswith("the TLS handshake failed (what answered is not TLS: ")


async def test_a_bad_certificate_after_starttls(certificates: Certificates) -> None:
    """Refused and described: the second look says EHLO and STARTTLS again, and nothing after them."""
    identity = certificates.wrong_host()
    async with MailServer(starttls=identity.context()) as server, asker("smtp") as probe:
        result = await probe.ask(host="localhost", port=server.port, ca_file=str(identity.ca_file))
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CERTIFICATE_WRONG_HOST)
    assert result.message == "the certificate is for another host (it names other.example, not localhost)"
    assert result.observations["certificate"]["names"] == ["other.example"]


async def test_a_certificate_that_expires(certificates: Certificates) -> None:
    """Its days are judged."""
    identity = certificates.expiring(5)
    async with MailServer(starttls=identity.context()) as server, asker("smtp") as probe:
        result = await probe.ask(host="localhost", port=server.port, ca_file=str(identity.ca_file))
    assert (result.outcome, result.reason) == (Outcome.DEGRADED, Reason.CERTIFICATE_EXPIRING)


async def test_a_login(certificates: Certificates) -> None:
    """Right and wrong passwords; the secret is nowhere to be seen."""
    identity = certificates.good()
    async with MailServer(starttls=identity.context(), login=True) as server, asker("smtp") as probe:
        asked: dict[str, Any] = {
            "host": "localhost",
            "port": server.port,
            "ca_file": str(identity.ca_file),
            "security": "starttls",
        }
        well = await probe.ask(**asked, username=USER, password=PASSWORD)
        wrong = await probe.ask(**asked, username=USER, password="fake-wrong-password")
        assert server.mails == []
    assert well.outcome is Outcome.UP, well.message
    assert list(well.phases)[-1] == "auth"
    assert (wrong.outcome, wrong.reason) == (Outcome.DOWN, Reason.AUTHENTICATION_FAILED)
    assert wrong.message.startswith('the login was refused (expected 235 to the login, it said "535 ')
    assert "fake-wrong-password" not in repr(wrong)


def scripted(*turns: str) -> Script:
    """A greeting and an answer to each line; after the last line it hangs up."""

    async def script(peer: Peer) -> None:
        for turn in turns:
            await peer.say(turn)
            await peer.hear()

    return script


LOGIN: dict[str, Any] = {"security": "none", "username": "ann", "password": "fake-secret"}
EHLO = "250-mail\r\n250 AUTH LOGIN\r\n"


async def test_a_login_by_halves() -> None:
    """AUTH LOGIN, where PLAIN is not offered."""
    heard: list[bytes] = []

    async def script(peer: Peer) -> None:
        heard.extend(
            [
                await peer.ask(answer)
                for answer in ("220 mail\r\n", EHLO, "334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n")
            ]
        )
        await peer.ask("235 ok\r\n")
        await peer.say("221 bye\r\n")

    result = await ask(script, **LOGIN)
    assert result.outcome is Outcome.UP, result.message
    assert [base64.b64decode(half) for half in heard[2:]] == [b"ann", b"fake-secret"]


REFUSED = "the login was refused "
DIALOGUES: list[tuple[Script, dict[str, Any], Reason, str]] = [
    (scripted("554 no service here\r\n"), {}, Reason.NOT_SERVING,
     'the service says that it is not serving (expected 220, it greets with "554 no service here")'),
    (scripted("421-busy\r\n421 come back\r\n"), {}, Reason.NOT_SERVING,
     'the service says that it is not serving (expected 220, it greets with "421 busy come back")'),
    (scripted("250 strange\r\n"), {}, Reason.RESPONSE_MISMATCH,
     'unexpected answer (expected 220, it greets with "250 strange")'),
    (scripted("220 mail\r\n", "550 no\r\n"), {}, Reason.RESPONSE_MISMATCH,
     'unexpected answer (expected 250 to EHLO, it said "550 no")'),
    (scripted("220 mail\r\n", "421 closing\r\n"), {}, Reason.NOT_SERVING,
     'the service says that it is not serving (expected 250 to EHLO, it said "421 closing")'),
    (scripted("220 mail\r\n", "250-m\r\n250 STARTTLS\r\n", "454 no\r\n"), {}, Reason.TLS_FAILED,
     'the TLS handshake failed (expected 220 to STARTTLS, it said "454 no")'),
    (scripted("220 mail\r\n", "250 mail\r\n"), LOGIN, Reason.AUTHENTICATION_FAILED,
     REFUSED + "(it offers no login at all, expected PLAIN or LOGIN)"),
    (scripted("220 mail\r\n", "250-m\r\n250 AUTH GSSAPI\r\n"), LOGIN, Reason.AUTHENTICATION_FAILED,
     REFUSED + "(it offers GSSAPI, expected PLAIN or LOGIN)"),
    (scripted("220 mail\r\n", EHLO, "535 not you\r\n"), LOGIN, Reason.AUTHENTICATION_FAILED,
     REFUSED + '(expected 235 to the login, it said "535 not you")'),
    (scripted("220 mail\r\n", "250-m\r\n250 AUTH PLAIN\r\n", "535 AGFubgBmYWtlLXNlY3JldA== fake-secret\r\n"), LOGIN,
     Reason.AUTHENTICATION_FAILED, REFUSED + '(expected 235 to the login, it said "535 *** ***")'),
    (scripted("220 mail\r\n", EHLO, "454 later\r\n"), LOGIN, Reason.NOT_SERVING,
     'the service says that it is not serving (expected 235 to the login, it said "454 later")'),
    (scripted("220 some.other ESMTP\r\n", "250 m\r\n", "221 bye\r\n"), {"expect": {"banner": "^mail\\.acme"}},
     Reason.RESPONSE_MISMATCH, 'the banner is "some.other ESMTP", expected to match ^mail\\.acme'),
    (scripted("220 m\r\n", "250-m\r\n250 AUTH LOGIN\r\n", "221 bye\r\n"), {"expect": {"capabilities": "AUTH PLAIN"}},
     Reason.RESPONSE_MISMATCH, "the server does not list AUTH PLAIN, but AUTH LOGIN"),
    (scripted("+OK pop3\r\n"), {}, Reason.PROTOCOL_ERROR,
     'the answer breaks the rules of its protocol (no reply code but "+OK pop3")'),
    (scripted("220-a\r\n" * 200), {}, Reason.PROTOCOL_ERROR,
     "the answer breaks the rules of its protocol (a reply of more than 100 lines)"),
    (scripted("220 " + "a" * 5000 + "\r\n"), {}, Reason.PROTOCOL_ERROR,
     "the answer breaks the rules of its protocol (a line longer than 2048 bytes)"),
]  # fmt: skip


@pytest.mark.parametrize(("script", "options", "reason", "sentence"), DIALOGUES)
async def test_servers_that_say_no(script: Script, options: dict[str, Any], reason: Reason, sentence: str) -> None:
    """Each refusal has its reason, what was expected and what was said."""
    result = await ask(script, **options)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.message == sentence
    assert "fake-secret" not in repr(result)
    assert "AGFubgBm" not in repr(result)


async def test_helo_where_ehlo_is_not_known() -> None:
    """An old server is well, and simply has no extensions."""
    result = await ask(scripted("220 old\r\n", "502 what\r\n", "250 old\r\n", "221 bye\r\n"))
    assert result.outcome is Outcome.UP, result.message


async def test_quit_is_said_and_not_waited_for() -> None:
    """A server that does not answer QUIT is well all the same, and the waiting does not count."""
    heard: list[bytes] = []

    async def script(peer: Peer) -> None:
        heard.extend([await peer.ask(answer) for answer in ("220 mail\r\n", "250 mail\r\n")])
        await peer.until_gone()

    result = await ask(script, timeout=0.4, expect={"down_over": "300ms"})
    assert result.outcome is Outcome.UP, result.message
    assert heard[1] == b"QUIT"


async def test_a_refusal_is_left_politely() -> None:
    """After a login that was refused the server hears QUIT."""
    heard: list[bytes] = []

    async def script(peer: Peer) -> None:
        heard.extend(
            [await peer.ask(answer) for answer in ("220 mail\r\n", "250-m\r\n250 AUTH PLAIN\r\n", "535 no\r\n")]
        )
        await peer.say("221 bye\r\n")

    result = await ask(script, **LOGIN)
    assert result.reason is Reason.AUTHENTICATION_FAILED
    assert heard[2] == b"QUIT"


FAULTS = {
    "silent": (silent, Reason.RESPONSE_TIMEOUT, "no answer in time (127.0.0.1:{port}, "),
    "closing": (
        closing,
        Reason.EMPTY_RESPONSE,
        "the server closed the connection without an answer (127.0.0.1:{port})",
    ),
    "garbage": (garbage, Reason.PROTOCOL_ERROR, "the answer breaks the rules of its protocol (no reply code but "),
    "half": (scripted("220 mail\r\n", "250-m"), Reason.RESPONSE_TIMEOUT, "no answer in time (127.0.0.1:{port}, "),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_servers_that_are_wrong(fault: str) -> None:
    """Silence, hanging up, garbage, and an answer without an end."""
    script, reason, sentence = FAULTS[fault]
    async with talker(script) as server, asker("smtp") as probe:
        result = await probe.ask(timeout=0.3, host="127.0.0.1", port=server.port)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.message.startswith(sentence.format(port=server.port))


async def test_nobody_there() -> None:
    """Nothing listens."""
    async with closed_port() as port, asker("smtp") as probe:
        result = await probe.ask(host="127.0.0.1", port=port)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CONNECT_REFUSED)


async def test_a_slow_server() -> None:
    """Slower than allowed is degraded or down."""
    well = ("220 mail\r\n", "250 mail\r\n", "221 bye\r\n")
    degraded = await ask(scripted(*well), expect={"degraded_over": "1us"})
    down = await ask(scripted(*well), expect={"down_over": "1us"})
    assert (degraded.outcome, down.outcome) == (Outcome.DEGRADED, Outcome.DOWN)
    assert degraded.reason is down.reason is Reason.TOO_SLOW


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"username": "a", "security": "tls"}, "username and password go together"),
    ({"username": "a", "password": "b"}, "a login needs `security: starttls` or `tls`"),
    ({"security": "ssl"}, "Input should be 'starttls', 'when_offered', 'tls' or 'none'"),
    ({"expect": {"capabilities": ["a  b"]}}, "String should match pattern"),
]


@pytest.mark.parametrize(("options", "sentence"), WRONG)
def test_wrong_options_say_what_is_right(options: dict[str, Any], sentence: str) -> None:
    """Each mistake has its sentence."""
    with pytest.raises(ValidationError, match=sentence):
        SmtpOptions.model_validate({"host": "a.example"} | options)


def test_ports_by_security() -> None:
    """587, 465 or 25, unless one is given."""
    ports = [SmtpOptions.model_validate({"host": "a", "security": one}).target() for one in ("starttls", "tls", "none")]
    assert [*ports, SmtpOptions.model_validate({"host": "a"}).target()] == ["a:587", "a:465", "a:25", "a:25"]


def test_the_example() -> None:
    """The documentation's monitor reads as it stands, and shows no password."""
    options = yaml.safe_load(SmtpOptions.example)
    assert (options.pop("name"), options.pop("kind")) == ("outgoing-mail", "smtp")
    read = SmtpOptions.model_validate(options)
    assert (read.target(), read.host()) == ("smtp.acme.example:587", "smtp.acme.example")
    assert "SMTP_PASSWORD" not in repr(read) + read.model_dump_json()
    assert SmtpOptions.model_json_schema()


@given(st.binary(max_size=60).filter(lambda said: b"\n" not in said))
async def test_any_greeting_is_judged(said: bytes) -> None:
    """Whatever a server greets with, the check ends with a verdict about the server."""

    async def script(peer: Peer) -> None:
        await peer.say(said + b"\r\n")

    result = await ask(script, timeout=1.0)
    assert result.outcome is Outcome.DOWN
    assert result.message.replace("\t", "").isprintable()
