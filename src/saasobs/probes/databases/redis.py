"""redis: what a client of Redis or Valkey sees: connect, TLS, log in, one command, its reply."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from saasobs.core.result import Reason
from saasobs.probes.databases import redis_wire as wire
from saasobs.probes.databases.answer import Answer, as_number, from_json, judge_answer, note
from saasobs.probes.databases.options import AnswerExpect, LocalServerOptions
from saasobs.probes.databases.packet import Meter
from saasobs.probes.databases.redis_wire import Refusal
from saasobs.probes.databases.visit import ServerProbe
from saasobs.probes.inquiry import Inquiry
from saasobs.probes.net.contact import Handshake
from saasobs.probes.net.stream import Stream
from saasobs.probes.verdict import short

_NO_QUESTIONS: Final = frozenset({
    "subscribe", "psubscribe", "ssubscribe", "monitor", "sync", "psync", "quit", "reset", "hello", "auth", "select",
    "shutdown", "multi", "exec", "asking", "failover",
})  # fmt: skip
"""Commands that do not end in one reply, change the connection, or end the server."""
_NOTED: Final = {"server": "server", "version": "server_version", "role": "role", "mode": "mode"}
"""What HELLO says, and as what it is noted."""


def _words(value: object) -> object:
    return shlex.split(value) if isinstance(value, str) else value


def _question(words: tuple[str, ...]) -> tuple[str, ...]:
    name = words[0].lower()
    if name in _NO_QUESTIONS or [one.lower() for one in words[:2]] == ["client", "reply"]:
        raise ValueError(f"{words[0].upper()} is no question with one answer")
    return words


Command = Annotated[
    tuple[Annotated[str, Field(max_length=10_000)], ...],
    Field(min_length=1, max_length=100),
    BeforeValidator(_words),
    AfterValidator(_question),
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}, "minItems": 1, "minLength": 1}),
]


class RedisExpect(AnswerExpect):
    """What the reply must be."""


class RedisOptions(LocalServerOptions):
    """Logs in to Redis or Valkey, sends one command and judges its reply."""

    example: ClassVar[str] = """\
name: cache-replica
kind: redis
host: cache.acme.example
user: saasobs
password: "${REDIS_PASSWORD}"
command: INFO replication
expect: {json: {"$.role": slave, "$.master_link_status": up, "$.master_last_io_seconds_ago": {"<": 30}}}
"""
    phases: ClassVar[Mapping[str, str]] = {
        "dns": "asking for the address",
        "connect": "the TCP connection, or the Unix socket's",
        "tls": "the TLS handshake",
        "login": "the login, the choice of the database, and what the server says of itself",
        "query": "the command, until the whole of its reply",
    }
    observations: ClassVar[Mapping[str, str]] = {
        "address": "the address that was connected to",
        "tls_version": "the version of TLS, where it is used",
        "tls_cipher": "its cipher",
        "server": "the server's name, such as redis (Redis 6 and later)",
        "server_version": "version of the server (Redis 6 and later)",
        "role": "master or replica (Redis 6 and later)",
        "mode": "standalone, sentinel or cluster (Redis 6 and later)",
        "value": "the first value of the reply, if that is a number or nil",
        "certificate": "the certificate, after a TLS handshake",
    }
    schemes: ClassVar[Mapping[str, bool]] = {"redis": False, "rediss": True}
    default_port: ClassVar[int] = 6379

    database: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """The number of the database. Default: 0."""
    command: Command = ("PING",)
    """One command with its words, as in GET jobs:waiting, or as a list. Redirects to other servers of a cluster are not
    followed, and nothing keeps a command from writing but the rights of its user."""
    expect: RedisExpect = RedisExpect()
    """What the reply must be. `value` is the reply, or the first item of a list; a text is read as a number where a
    number is expected. `json` looks into the whole reply; that of INFO is an object by field."""

    @model_validator(mode="after")
    def _login(self) -> Self:
        if self.where.user and self.where.password is None:
            raise ValueError("user needs a password beside it")
        if self.where.path and (self.database is not None or not self.where.path.isdecimal()):
            raise ValueError("what stands behind the host in the url is the number of the database, given once")
        return self

    @property
    def database_number(self) -> int:
        """The database in force."""
        return int(self.where.path or 0) if self.database is None else self.database

    def named(self) -> str:
        return str(self.database_number or "")


class RedisProbe(ServerProbe):
    """Implements core.ports.Probe."""

    async def converse(self, inquiry: Inquiry, stream: Stream) -> Handshake | None:
        options: RedisOptions = inquiry.monitor.options
        handshake = None
        if options.security != "off":
            handshake = await self.door.secure(inquiry, stream, options)
        meter = Meter(stream)
        with inquiry.phase("login"):
            await _log_in(inquiry, meter)
        with inquiry.phase("query"):
            await stream.send(wire.command(options.command))
            reply = await wire.reply(meter)
        if isinstance(reply, Refusal):
            inquiry.said = reply.words
            raise reply.trouble(secret=options.where.password)
        answer = _answer(options.command, reply)
        note(inquiry, answer)
        inquiry.unmet += judge_answer(options.expect, answer)
        return handshake


async def _log_in(inquiry: Inquiry, meter: Meter) -> None:
    """AUTH, SELECT and HELLO in one go; servers without HELLO say an error that does not matter. :raises Trouble:"""
    options: RedisOptions = inquiry.monitor.options
    where = options.where
    first: list[tuple[str, ...]] = []
    if where.password is not None:
        first.append(("AUTH", where.user, where.secret) if where.user else ("AUTH", where.secret))
    if options.database_number:
        first.append(("SELECT", str(options.database_number)))
    await meter.stream.send(b"".join(wire.command(words) for words in (*first, ("HELLO", "2"))))
    for _ in first:
        reply = await wire.reply(meter)
        if isinstance(reply, Refusal):
            raise reply.trouble(Reason.AUTHENTICATION_FAILED, where.password)
    _note_server(inquiry, await wire.reply(meter))


def _note_server(inquiry: Inquiry, hello: Any) -> None:
    if not isinstance(hello, list):
        return
    told = dict(zip(map(str, hello[::2]), hello[1::2], strict=False))
    inquiry.observations |= {key: short(str(told[name])) for name, key in _NOTED.items() if name in told}


def _answer(command: tuple[str, ...], reply: Any) -> Answer:
    plain = _plain(reply)
    first = (plain[:1] if isinstance(plain, list) else [plain]) if plain != [] else []
    return Answer(_document(command, plain), tuple(first), untyped=True)


def _plain(reply: Any) -> Any:
    """A list may hold errors of its own, as that of EXEC does: they are told in their words."""
    if isinstance(reply, list):
        return [_plain(one) for one in reply]
    return reply.words if isinstance(reply, Refusal) else reply


def _document(command: tuple[str, ...], reply: Any) -> Any:
    """INFO by field, a text that is JSON as what it says, and everything else as it is."""
    if not isinstance(reply, str):
        return reply
    if command[0].lower() == "info":
        pairs = (line.split(":", 1) for line in reply.splitlines() if ":" in line and not line.startswith("#"))
        return {key: as_number(value) for key, value in pairs}
    return from_json(reply) if reply[:1] in ("{", "[") else reply
