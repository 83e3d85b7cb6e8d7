"""E-mail, against a real mail server that refuses and breaks off as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels.email import EmailOptions
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Briefing, Change
from saasobs.core.ports import Channel
from saasobs.core.values import MINUTE
from support.briefings import NOW, briefing, ended, tools
from support.smtp import PASSWORD, USER, MailServer

TEAM = "team@acme.example"
PLAIN: dict[str, Any] = {"host": "127.0.0.1", "from": "alerts@acme.example", "to": TEAM}


def build(server: MailServer, **options: Any) -> Channel:
    kind = CHANNELS["email"]
    read = kind.options.model_validate({**PLAIN, "port": server.port, "security": "none", "timeout": "5s", **options})
    return kind.build(read, tools())


def to_team(*changes: Change, **facts: Any) -> Briefing:
    return briefing(*changes, recipient=TEAM, **facts)


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with MailServer() as made:
        yield made


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def certificate(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_a_mail_arrives(server: MailServer) -> None:
    """Text and HTML, to one recipient, with a subject that says it all; the receipt is its Message-ID."""
    one = to_team()
    receipt = await build(server).send(one, "")
    [mail] = server.mails
    assert (mail.sender, mail.recipients) == ("alerts@acme.example", [TEAM])
    letter = mail.message
    assert letter["Subject"] == "[saasobs] 🔴 api is down: expected status 200-299, got 500"
    assert str(letter["From"]) == "saasobs <alerts@acme.example>"
    assert letter["Message-ID"] == receipt.provider_id == f"<{one.delivery_id}@acme.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["X-Saasobs-Notices"].split() == list(one.notice_ids)
    assert letter["Date"].datetime.isoformat() == "2026-11-22T14:03:00+00:00"
    for kind in ("plain", "html"):
        body = letter.get_body((kind,))
        assert body is not None
        assert "https://api.acme.example/health" in body.get_content()


async def test_the_mails_of_an_incident_stand_together(server: MailServer) -> None:
    """Each has its own Message-ID and the same root; a repeat of one has the same ID."""
    channel = build(server)
    await channel.send(to_team(), "")
    await channel.send(to_team(), "")
    await channel.send(to_team(Change.OPENED, Change.RECOVERED, incident=ended(), now=NOW + 7 * MINUTE), "")
    first, again, last = (mail.message for mail in server.mails)
    assert {letter["References"] for letter in (first, again, last)} == {"<incident-k3v9m2xa@acme.example>"}
    assert first["Message-ID"] == again["Message-ID"] != last["Message-ID"]


async def test_each_recipient_gets_a_mail_of_their_own(server: MailServer) -> None:
    """One notice, one mail: nobody sees who else was told."""
    channel = build(server, to=["ana@acme.example", "luis@acme.example"])
    for recipient in channel.recipients:
        await channel.send(briefing(recipient=recipient), "")
    assert [mail.recipients for mail in server.mails] == [["ana@acme.example"], ["luis@acme.example"]]
    assert [str(mail.message["To"]) for mail in server.mails] == ["ana@acme.example", "luis@acme.example"]


async def test_we_greet_without_asking_the_dns(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's own default looks our name up; a dead name server must not hold a message up."""
    # A resolver that hangs cannot be had on loopback without being the machine's own: it is stood in for.
    monkeypatch.setattr("socket.getfqdn", lambda *_: pytest.fail("the name was looked up"))
    await build(server).send(to_team(), "")
    assert len(server.greetings) == 1


async def test_starttls_and_login(authority: trustme.CA, ca_file: str) -> None:
    """The password goes only over the encrypted connection, to a server whose certificate we trust."""
    async with MailServer(starttls=certificate(authority), login=True) as server:
        secure = {"security": "starttls", "ca_file": ca_file, "username": USER}
        await build(server, password=PASSWORD, **secure).send(to_team(), "")
        assert [(mail.encrypted, mail.user) for mail in server.mails] == [(True, USER)]
        with pytest.raises(DeliveryError, match="535") as caught:
            await build(server, password="wrong-secret", **secure).send(to_team(), "")
        assert caught.value.permanent
        assert "wrong-secret" not in str(caught.value)


async def test_tls_from_the_first_byte(authority: trustme.CA, ca_file: str) -> None:
    """`security: tls`, as on port 465."""
    async with MailServer(tls=certificate(authority)) as server:
        await build(server, security="tls", ca_file=ca_file).send(to_team(), "")
        assert [mail.encrypted for mail in server.mails] == [True]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_an_untrusted_server_gets_nothing(authority: trustme.CA, security: str) -> None:
    """An unknown authority ends it before any address or password was said."""
    context = certificate(authority)
    made = MailServer(starttls=context) if security == "starttls" else MailServer(tls=context)
    async with made as server:
        with pytest.raises(DeliveryError, match=r"(?i)certificate") as caught:
            await build(server, security=security).send(to_team(), "")
        assert not caught.value.permanent
        assert server.mails == []


async def test_a_certificate_for_another_host_is_refused(authority: trustme.CA, ca_file: str) -> None:
    """Trusted authority, wrong name."""
    async with MailServer(tls=certificate(authority, "mail.other.example")) as server:
        with pytest.raises(DeliveryError, match=r"(?i)certificate"):
            await build(server, security="tls", ca_file=ca_file).send(to_team(), "")
        assert server.mails == []


async def test_a_server_without_starttls_gets_nothing(server: MailServer) -> None:
    """Asked to encrypt, we do not go on in the clear."""
    with pytest.raises(DeliveryError, match="cannot do it") as caught:
        await build(server, security="starttls").send(to_team(), "")
    assert caught.value.permanent
    assert server.mails == []


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        ("450 4.2.1 greylisted", False),
        ("451 local error", False),
        ("452 4.2.2 mailbox full", False),
        ("550 5.1.1 no such user", True),
        ("552 too large", True),
        ("554 5.7.1 refused", True),
    ],
)
async def test_a_reply_code_says_whether_to_try_again(
    server: MailServer, command: str, answer: str, permanent: bool
) -> None:
    """4xx passes, 5xx stays, whatever command it answers; its words are kept."""
    server.answers = {command: answer}
    with pytest.raises(DeliveryError, match=answer[:3]) as caught:
        await build(server).send(to_team(), "")
    assert caught.value.permanent is permanent
    assert answer.rsplit(maxsplit=1)[-1] in str(caught.value)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "AFTER_DATA"])
async def test_a_connection_that_breaks_is_tried_again(server: MailServer, command: str) -> None:
    """Dropped at any point, also after the text was taken: it may have been accepted, so at least once."""
    server.answers = {command: "drop"}
    with pytest.raises(DeliveryError) as caught:
        await build(server).send(to_team(), "")
    assert not caught.value.permanent


@pytest.mark.parametrize("command", ["MAIL", "DATA", "AFTER_DATA"])
async def test_a_hanging_server_is_given_up(server: MailServer, command: str) -> None:
    """Within the time that was allowed."""
    server.answers = {command: "hang"}
    with pytest.raises(DeliveryError, match=r"in time|within 1s") as caught:
        await build(server, timeout="1s").send(to_team(), "")
    assert not caught.value.permanent


@pytest.mark.parametrize("goodbye", ["drop", "hang", "421 closing", "500 what"])
async def test_what_follows_the_acceptance_counts_for_nothing(server: MailServer, goodbye: str) -> None:
    """The server has said 250 to the text: a QUIT that goes wrong does not make it two mails."""
    server.answers = {"QUIT": goodbye}
    async with asyncio.timeout(20):
        await build(server, timeout="30s").send(to_team(), "")
    assert len(server.mails) == 1


async def test_nobody_listens() -> None:
    """A refused connection is worth another try."""
    async with MailServer() as gone:
        port = gone.port
    with pytest.raises(DeliveryError, match="mail server") as caught:
        await (
            CHANNELS["email"]
            .build(EmailOptions.model_validate({**PLAIN, "port": port, "security": "none"}), tools())
            .send(to_team(), "")
        )
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"username": "x"}, "go together"),
        ({"password": "x"}, "go together"),
        ({"host": "mail.acme.example", "security": "none", "username": "x", "password": "y"}, "unencrypted"),
        ({"to": "Ana <ana@acme.example>"}, "is not an e-mail address"),
        ({"to": ["ana@acme.example\r\nBcc: x@x.example"]}, "is not an e-mail address"),
        ({"to": "ana"}, "is not an e-mail address"),
        ({"from": "añ@acme.example"}, "is not an e-mail address"),
        ({"host": "mail acme"}, "pattern"),
        ({"ca_file": "/nowhere/ca.pem"}, "there is no file"),
        ({"security": "ssl"}, "'starttls', 'tls' or 'none'"),
        ({"port": 0}, "greater than or equal"),
    ],
)
def test_mistakes_in_the_options(options: dict[str, Any], words: str) -> None:
    """Each mistake is told when the file is read, not when it burns."""
    with pytest.raises(ValidationError, match=words):
        EmailOptions.model_validate({**PLAIN, **options})
