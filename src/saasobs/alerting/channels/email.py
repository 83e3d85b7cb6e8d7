"""E-mail over SMTP: one message per recipient and delivery, threaded by incident.

`Message-ID` derives from the delivery, so that a repeat is the same message to a client that looks; `References` names
one root per incident, so that its messages stand together. RFC 5321 says what a reply code means: 4xx try again,
5xx never. Once the server has answered 250 to the text the message is its own: what follows (QUIT) counts for nothing.
"""

from __future__ import annotations

import asyncio
import html
import socket
from collections.abc import Sequence
from datetime import UTC
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import aiosmtplib
from aiosmtplib.errors import SMTPException, SMTPNotSupported, SMTPRecipientsRefused, SMTPResponseException
from pydantic import AfterValidator, Field, model_validator

from saasobs.alerting import group_message, message
from saasobs.alerting.channels.faults import FOREIGN, door, excerpt, translated
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, Timeout, one_or_more
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.hygiene import shorten
from saasobs.core.errors import DeliveryError
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Receipt
from saasobs.core.people import Contact
from saasobs.core.values import SECOND, to_datetime
from saasobs.options import ChannelOptions, SecretText

_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_QUIT_SECONDS: Final = 2.0
_SUBJECT: Final = 150
_ROWS: Final = 500
"""Incidents that a group's message lists."""


def _address(value: str) -> str:
    local, at, domain = value.rpartition("@")
    odd = set(value) & set(' \t\r\n<>,;:"()[]\\')
    if not (at and local and domain) or odd or not value.isascii() or not value.isprintable() or "@" in local:
        raise ValueError(f"{value!r} is not an e-mail address: write it plainly, as in team@example.com")
    return value


MailAddress = Annotated[str, AfterValidator(_address)]
"""A plain address, no name around it."""
_ADDRESS_SCHEMA: Final = {"type": "string", "format": "email", "examples": ["team@example.com"]}


class EmailOptions(ChannelOptions):
    """E-mail over SMTP: each address gets a message of its own, an incident's messages stand together."""

    host: str = Field(min_length=1, pattern=r"^[A-Za-z0-9._:-]+$")
    """The mail server."""
    port: int | None = Field(default=None, ge=1, le=65_535)
    """Its port. Default: 587 for `starttls`, 465 for `tls`, 25 for `none`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted: `starttls` after it began, `tls` from the first byte, or not at all."""
    username: str = ""
    """For a server that wants a login."""
    password: SecretText | None = None
    """The password that goes with `username`."""
    from_: MailAddress = Field(alias="from")
    """The sender's address."""
    to: one_or_more(MailAddress, _ADDRESS_SCHEMA) = ()  # type: ignore[valid-type]
    """Whom to write to: one address or a list. Not needed where it serves `people` only."""
    ca_file: str | None = None
    """A file (PEM) with the authorities to trust in place of the system's, for a server of your own."""
    timeout: Timeout = DEFAULT_TIMEOUT
    """For one message, all in all."""

    @model_validator(mode="after")
    def _login(self) -> Self:
        if bool(self.username) != (self.password is not None):
            raise ValueError("`username` and `password` go together")
        if self.username and self.security == "none" and self.host not in _LOOPBACK:
            raise ValueError("a password is not sent unencrypted: use `security: starttls` or `tls`")
        if self.ca_file and not Path(self.ca_file).is_file():
            raise ValueError(f"`ca_file`: there is no file {self.ca_file!r}")
        return self


class EmailChannel:
    """One mail server."""

    def __init__(self, options: EmailOptions, tools: Tools) -> None:  # noqa: ARG002 - every kind is built alike
        self._options = options

    @property
    def recipients(self) -> Sequence[str]:
        return tuple(self._options.to)

    async def send(self, briefing: Briefing, reference: str) -> Receipt:  # noqa: ARG002 - threads need no memory
        return await self._post(compose(briefing, self._options.from_), briefing.recipient)

    @property
    def edits(self) -> bool:
        return False

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:  # noqa: ARG002 - nor a group's
        return await self._post(compose_group(group, self._options.from_), group.recipient)

    async def _post(self, letter: EmailMessage, recipient: str) -> Receipt:
        async with door("the mail server", self._options.timeout):
            client = self._client()
            try:
                await client.connect()
                await client.sendmail(self._options.from_, [recipient], letter.as_bytes(policy=WIRE))
            except SMTPException as error:
                client.close()
                raise _translated(error) from error
            except BaseException:
                client.close()
                raise
        await _leave(client)
        return Receipt(str(letter["Message-ID"]))

    async def close(self) -> None:
        """Nothing is kept open between two messages."""

    def _client(self) -> aiosmtplib.SMTP:
        options = self._options
        return aiosmtplib.SMTP(
            hostname=options.host,
            port=options.port or _PORTS[options.security],
            username=options.username or None,
            password=options.password.reveal() if options.password else None,
            use_tls=options.security == "tls",
            start_tls=options.security == "starttls",
            cert_bundle=options.ca_file,
            timeout=options.timeout / SECOND,
            local_hostname=socket.gethostname(),  # the default asks the DNS for it
        )


def compose(briefing: Briefing, sender: str) -> EmailMessage:
    """The message as it goes out: plain text, and the same as simple HTML."""
    letter = _envelope(briefing, sender, f"incident-{briefing.incident.id}", message.headline(briefing))
    letter["X-Saasobs-Notices"] = " ".join(briefing.notice_ids)
    _fill(letter, message.headline(briefing), message.details(briefing), message.history(briefing))
    return letter


def compose_group(group: GroupBriefing, sender: str) -> EmailMessage:
    """The same for many incidents, each with a line of its own."""
    letter = _envelope(group, sender, f"group-{group.group_id}", group_message.headline(group))
    letter["X-Saasobs-Group"] = group.group_id
    rows = [f"{row.symbol} {row.incident_id}  {row.text}" for row in group_message.rows(group, _ROWS)]
    left = group_message.left_out(group, _ROWS)
    lines = [*rows, *([left] if left else [])]
    _fill(letter, group_message.headline(group), group_message.details(group), lines)
    return letter


def _envelope(told: Briefing | GroupBriefing, sender: str, root: str, headline: str) -> EmailMessage:
    domain = sender.rpartition("@")[2]
    letter = EmailMessage()
    letter["Message-ID"] = f"<{told.delivery_id}@{domain}>"
    letter["Date"] = format_datetime(to_datetime(told.now).astimezone(UTC).replace(microsecond=0))
    letter["From"] = Address("saasobs", addr_spec=sender)
    letter["To"] = Address(addr_spec=told.recipient)
    letter["Subject"] = shorten(f"[saasobs] {headline}", _SUBJECT)
    letter["In-Reply-To"] = letter["References"] = f"<{root}@{domain}>"
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's out-of-office answers this
    return letter


def _fill(letter: EmailMessage, headline: str, details: Sequence[message.Detail], lines: Sequence[str]) -> None:
    """Headline, details, and a list: the timeline of one incident, or many incidents."""
    labelled = [f"{detail.label}: {detail.text}" for detail in details]
    letter.set_content("\n".join([headline, "", *labelled, "", *lines, ""]))
    letter.add_alternative(_html(headline, details, lines), subtype="html")


def _html(headline: str, details: Sequence[message.Detail], lines: Sequence[str]) -> str:
    rows = "".join(
        f'<tr><td style="padding-right:1em;color:#666">{html.escape(detail.label)}</td><td>{_cell(detail)}</td></tr>\n'
        for detail in details
    )
    listed = "".join(f"<li>{html.escape(line)}</li>\n" for line in lines)
    return (
        f'<!doctype html>\n<html><body style="font-family:sans-serif">\n'
        f"<h2>{html.escape(headline)}</h2>\n<table>\n{rows}</table>\n<ul>\n{listed}</ul>\n"
        "</body></html>\n"
    )


def _cell(detail: message.Detail) -> str:
    text = html.escape(detail.text)
    return f'<a href="{text}">{text}</a>' if detail.url and detail.text.startswith(("http://", "https://")) else text


def _translated(error: SMTPException) -> DeliveryError:
    """By the server's reply code; what has none is worth another try, except a server that cannot do TLS at all."""
    if isinstance(error, SMTPRecipientsRefused) and error.recipients:
        error = error.recipients[0]
    if isinstance(error, SMTPResponseException):
        sentence = f"the mail server answered {error.code}: {excerpt(str(error.message))}"
        return DeliveryError(sentence, permanent=500 <= error.code < 600)
    if isinstance(error, SMTPNotSupported) or type(error) is SMTPException:  # the bare class: no STARTTLS, no AUTH
        return DeliveryError(f"the mail server cannot do it: {excerpt(str(error))}", permanent=True)
    return translated(error, "the mail server")


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye, but do not wait long for the answer: the message is theirs already."""
    try:
        async with asyncio.timeout(_QUIT_SECONDS):
            await client.quit()
    except FOREIGN:
        return
    finally:
        client.close()


EMAIL: Final = ChannelKind("email", EmailOptions, EmailChannel, "e-mail over SMTP", Contact.EMAIL)
