"""rabbitmq: what a client of RabbitMQ sees: connect, TLS, log in, open a channel, look at a queue if one is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from saasobs.core.result import Failure, Reason
from saasobs.core.values import Secret
from saasobs.options import require_driver
from saasobs.probes.databases.door import taking_leave
from saasobs.probes.databases.options import Name, ServerOptions, Where
from saasobs.probes.databases.packet import Meter
from saasobs.probes.databases.visit import ServerProbe
from saasobs.probes.inquiry import Inquiry
from saasobs.probes.net.contact import Handshake
from saasobs.probes.net.stream import Stream
from saasobs.probes.verdict import Certified, Timed, Unmet

if TYPE_CHECKING:
    from saasobs.probes.databases.rabbitmq_wire import Queue


def _short(name: str) -> str:
    if len(name.encode()) > 255:
        raise ValueError("must be at most 255 bytes long")
    return name


ShortName = Annotated[Name, AfterValidator(_short)]


class RabbitmqExpect(Timed, Certified):
    """What the queue must be like."""

    max_messages: Annotated[int, Field(ge=0)] | None = None
    """At most so many messages may wait in the queue."""
    min_consumers: Annotated[int, Field(ge=0)] | None = None
    """At least so many consumers must be at the queue."""


class RabbitmqOptions(ServerOptions):
    """Logs in to RabbitMQ by AMQP 0-9-1, opens a channel, and looks at a queue without touching it."""

    example: ClassVar[str] = """\
name: invoices-queue
kind: rabbitmq
host: rabbit.acme.example
user: saasobs
password: "${RABBITMQ_PASSWORD}"
vhost: billing
queue: invoices
expect: {max_messages: 500, min_consumers: 1}
"""
    phases: ClassVar[Mapping[str, str]] = {
        "dns": "asking for the address",
        "connect": "the TCP connection",
        "tls": "the TLS handshake",
        "greeting": "waiting for the server's first words",
        "login": "the login, until the virtual host is open",
        "query": "opening the channel, and the question for the queue",
    }
    observations: ClassVar[Mapping[str, str]] = {
        "address": "the address that was connected to",
        "tls_version": "the version of TLS, where it is used",
        "tls_cipher": "its cipher",
        "server": "the server's name, such as RabbitMQ",
        "server_version": "version of the server",
        "messages": "messages that wait in the queue",
        "consumers": "consumers at the queue",
        "certificate": "the certificate, after a TLS handshake",
    }
    schemes: ClassVar[Mapping[str, bool]] = {"amqp": False, "amqps": True}
    default_port: ClassVar[int] = 5672
    tls_port: ClassVar[int] = 5671

    vhost: ShortName = ""
    """The virtual host. Default: /."""
    queue: ShortName = ""
    """A queue that must be there; it is declared passively, which changes nothing. Default: none is looked at."""
    expect: RabbitmqExpect = RabbitmqExpect()
    """What the queue must be like."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_driver("pamqp", "rabbitmq")
        if bool(self.where.user) != (self.where.password is not None):
            raise ValueError("user and password go together")
        _short(self.where.path)
        if self.where.path and self.vhost:
            raise ValueError("the vhost stands in the url already")
        about_queue = (self.expect.max_messages, self.expect.min_consumers) != (None, None)
        if about_queue and not self.queue:
            raise ValueError("expect.max_messages and expect.min_consumers need a queue")
        return self

    @property
    def virtual_host(self) -> str:
        """The virtual host in force."""
        return self.vhost or self.where.path or "/"

    @property
    def login(self) -> Where:
        """The login in force: guest, whom RabbitMQ admits from its own machine, when none is given."""
        where = self.where
        user, password = (where.user, where.password) if where.user else ("guest", Secret("guest"))
        return Where(where.host, where.port, user, password, where.path, where.encrypted)

    def named(self) -> str:
        return " ".join(filter(None, (self.vhost or self.where.path, self.queue)))


class RabbitmqProbe(ServerProbe):
    """Implements core.ports.Probe."""

    async def converse(self, inquiry: Inquiry, stream: Stream) -> Handshake | None:
        from saasobs.probes.databases import rabbitmq_wire as wire  # noqa: PLC0415 - its driver is an extra

        options: RabbitmqOptions = inquiry.monitor.options
        handshake = None
        if options.security != "off":
            handshake = await self.door.secure(inquiry, stream, options)
        session = wire.Session(Meter(stream), options.login)
        with inquiry.phase("greeting"):
            start = await session.greet()
        inquiry.observations |= {"server": wire.told(start, "product"), "server_version": wire.told(start, "version")}
        with inquiry.phase("login"):
            await session.log_in(start, options.virtual_host)
        async with taking_leave(inquiry, stream, wire.FAREWELL, wire.LAST_WORDS):
            with inquiry.phase("query"):
                await session.open_channel()
                queue = await session.look_at(options.queue) if options.queue else None
        if queue is not None:
            inquiry.observations |= {"messages": queue.messages, "consumers": queue.consumers}
            inquiry.unmet += _judge(options.expect, options.queue, queue)
        return handshake


def _judge(expect: RabbitmqExpect, name: str, queue: Queue) -> Iterator[Unmet]:
    most, least = expect.max_messages, expect.min_consumers
    if most is not None and queue.messages > most:
        failure = Failure("max_messages", f"at most {most}", str(queue.messages), Reason.VALUE_MISMATCH)
        yield Unmet(failure, f"{queue.messages} messages wait in {name}, expected at most {most}")
    if least is not None and queue.consumers < least:
        failure = Failure("min_consumers", f"at least {least}", str(queue.consumers), Reason.VALUE_MISMATCH)
        yield Unmet(failure, f"{queue.consumers} consumers are at {name}, expected at least {least}")
