"""A real mail server (aiosmtpd) on loopback in the test's own loop, which refuses and breaks off as it is told."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Any, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from support.serving import stop_listening

USER, PASSWORD = "alerts", "fake-mail-password"


@dataclass(frozen=True, slots=True)
class Mail:
    """One message that the server took."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    encrypted: bool
    user: str


class MailServer(AbstractAsyncContextManager["MailServer"]):
    """Takes mail, unless `answers` says otherwise for a command: {"RCPT": "550 no such user"}.

    The answer "drop" breaks the connection off, "hang" never answers. QUIT may do so, too.
    """

    def __init__(
        self, *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, login: bool = False
    ) -> None:
        self.mails: list[Mail] = []
        self.answers: dict[str, str] = {}
        self.greetings: list[str] = []
        self._starttls, self._tls, self._login = starttls, tls, login
        self._protocols: list[_Protocol] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await stop_listening(self._server)
        for protocol in self._protocols:
            protocol.end()
        await asyncio.sleep(0)

    def _protocol(self) -> asyncio.Protocol:
        protocol = _Protocol(
            _Handler(self),
            hostname="mail.test",
            tls_context=self._starttls,
            require_starttls=self._starttls is not None,
            auth_required=self._login,
            auth_require_tls=self._tls is None,
            authenticator=_authenticate if self._login else None,
            loop=asyncio.get_running_loop(),
        )
        self._protocols.append(protocol)
        return cast("asyncio.Protocol", protocol)


class _Protocol(SMTP):
    def end(self) -> None:
        if self.transport is not None:
            cast("asyncio.Transport", self.transport).abort()

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name for it
        told = self.event_handler.server.answers.get("QUIT")
        if told is not None:
            await self.event_handler.say(self, told)
            return
        await super().smtp_QUIT(arg)


class _Handler:
    """aiosmtpd's hooks."""

    def __init__(self, server: MailServer) -> None:
        self.server = server

    async def say(self, protocol: _Protocol, told: str) -> str:
        if told == "drop":
            protocol.end()
            await asyncio.sleep(10)
        if told == "hang":
            await asyncio.sleep(60)
        return told

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.server.greetings.append(hostname)
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if told := self.server.answers.get("RCPT"):
            return await self.say(server, told)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if told := self.server.answers.get("MAIL"):
            return await self.say(server, told)
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if told := self.server.answers.get("DATA"):
            return await self.say(server, told)
        message = message_from_bytes(envelope.original_content or b"", policy=default)
        login: LoginPassword | None = cast("Any", session).auth_data
        user = login.login.decode() if login else ""
        encrypted = bool(session.ssl) or self.server._tls is not None
        self.server.mails.append(Mail(envelope.mail_from or "", envelope.rcpt_tos, message, encrypted, user))
        if told := self.server.answers.get("AFTER_DATA"):
            return await self.say(server, told)
        return "250 OK"


def _authenticate(server: Any, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
    good = data.login == USER.encode() and data.password == PASSWORD.encode()
    return AuthResult(success=good, handled=False, auth_data=data)
