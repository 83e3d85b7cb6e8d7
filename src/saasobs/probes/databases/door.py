"""Reaching a database: by TCP as every other kind does, or over a Unix socket of this machine; TLS; and a way out."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from saasobs.core.result import Reason
from saasobs.probes.databases.options import LocalServerOptions, ServerOptions
from saasobs.probes.inquiry import Inquiry, Trouble
from saasobs.probes.kind import Tools
from saasobs.probes.net.contact import Again, Contact, Handshake
from saasobs.probes.net.stream import READ_LIMIT, Stream

_FAREWELL_SECONDS: Final = 1.0
_NOBODY: Final = frozenset({errno.ENOENT, errno.ECONNREFUSED, errno.ENOTSOCK})


@dataclass(slots=True)
class LocalStream(Stream):
    """A connection over a Unix socket; its path is host and address."""

    @property
    def place(self) -> str:
        return self.host


class Door:
    """How one probe reaches its servers."""

    def __init__(self, tools: Tools) -> None:
        self._contact = Contact(tools)

    async def open(self, inquiry: Inquiry, options: ServerOptions) -> Stream:
        """Phases dns and connect. :raises Trouble:"""
        if isinstance(options, LocalServerOptions) and options.socket is not None:
            return await _open_local(inquiry, options.socket)
        return await self._contact.reach(inquiry, options.where.host, options.reached_at, options)

    async def secure(
        self, inquiry: Inquiry, stream: Stream, options: ServerOptions, again: Again | None = None
    ) -> Handshake:
        """Phase tls. :raises Trouble:"""
        return await self._contact.secure(inquiry, stream, options.trust, again=again)


async def _open_local(inquiry: Inquiry, path: Path) -> Stream:
    inquiry.place = str(path)
    if inquiry.monitor.public_only:
        raise Trouble(Reason.ADDRESS_REFUSED, f"{path} is a socket of this machine")
    with inquiry.phase("connect"):
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=READ_LIMIT)
        except PermissionError as error:
            raise Trouble(Reason.INTERNAL, f"this daemon may not use {path}") from error
        except OSError as error:
            reason = Reason.CONNECT_REFUSED if error.errno in _NOBODY else Reason.CONNECT_FAILED
            raise Trouble(reason, f"{path}: {error.strerror or error}") from error
    inquiry.observations["address"] = str(path)
    return LocalStream(reader, writer, str(path), 0, str(path))


@asynccontextmanager
async def taking_leave(inquiry: Inquiry, stream: Stream, words: bytes, until: bytes = b"") -> AsyncIterator[None]:
    """After a question that was answered or refused, say the last words and wait a moment for the server to hang up, so
    that it logs no broken connection.

    :param until: the server's own last words, where it leaves hanging up to us.
    """
    try:
        yield
    except Trouble as trouble:
        if trouble.reason is Reason.QUERY_FAILED:
            await _take_leave(inquiry, stream, words, until)
        raise
    await _take_leave(inquiry, stream, words, until)


async def _take_leave(inquiry: Inquiry, stream: Stream, words: bytes, until: bytes) -> None:
    """What becomes of it says nothing about the server."""
    try:
        async with asyncio.timeout(min(_FAREWELL_SECONDS, inquiry.remaining() / 2)):
            await stream.send(words)
            while said := await stream.some():
                if until and said.endswith(until):
                    return
    except (Trouble, TimeoutError):
        return
