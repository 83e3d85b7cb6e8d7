"""mysql: what a client of MySQL or MariaDB sees: connect, TLS, log in, one query, its value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, Self

from pydantic import model_validator

from saasobs.core.result import Reason
from saasobs.probes.databases import mysql_wire as wire
from saasobs.probes.databases.answer import judge_answer, note
from saasobs.probes.databases.door import taking_leave
from saasobs.probes.databases.options import LocalServerOptions, Name, RowsExpect, Statement, TlsMode
from saasobs.probes.databases.packet import Meter
from saasobs.probes.databases.visit import ServerProbe
from saasobs.probes.inquiry import Inquiry, Trouble
from saasobs.probes.net.contact import Handshake
from saasobs.probes.net.starttls import negotiate
from saasobs.probes.net.stream import Stream
from saasobs.probes.verdict import short

_GRACE: Final = 0.1
"""Seconds after our own deadline at which the server stops a query that nobody waits for."""


class MysqlOptions(LocalServerOptions):
    """Logs in to MySQL or MariaDB, runs one read-only query and judges what it gives. This kind is tested against
    MariaDB, and MySQL 8's own ways to log in against a stand-in."""

    example: ClassVar[str] = """\
name: shop-db
kind: mysql
host: db.acme.example
user: saasobs
password: "${DB_PASSWORD}"
database: shop
tls: require
query: SELECT count(*) FROM orders WHERE paid IS NULL AND created < now() - INTERVAL 1 HOUR
expect: {value: {"<": 20}, degraded_over: 500ms}
"""
    phases: ClassVar[Mapping[str, str]] = {
        "dns": "asking for the address",
        "connect": "the TCP connection, or the Unix socket's",
        "greeting": "waiting for the server's first words",
        "tls": "the TLS handshake",
        "login": "the login",
        "query": "the query, until its last row",
    }
    observations: ClassVar[Mapping[str, str]] = {
        "address": "the address that was connected to",
        "tls_version": "the version of TLS, where it is used",
        "tls_cipher": "its cipher",
        "server_version": "version of the server",
        "rows": "how many rows the query gave, at most 1000",
        "value": "its first value, if that is a number or null",
        "certificate": "the certificate, after a TLS handshake",
    }
    schemes: ClassVar[Mapping[str, bool]] = {"mysql": False, "mariadb": False}
    default_port: ClassVar[int] = 3306
    default_tls: ClassVar[TlsMode] = "prefer"
    negotiates: ClassVar[bool] = True

    database: Name = ""
    """The database to use. Default: none."""
    query: Statement = "SELECT 1"
    """One SQL statement. Its transaction is read-only, and the server stops it when the check's time is over."""
    expect: RowsExpect = RowsExpect()
    """What the rows must be. `value` is the first column of the first row."""

    @model_validator(mode="after")
    def _login(self) -> Self:
        if not self.where.user:
            raise ValueError("a user is needed, in the url or under user")
        if self.where.path and self.database:
            raise ValueError("the database stands in the url already")
        return self

    @property
    def database_name(self) -> str:
        """The database in force; empty for none."""
        return self.database or self.where.path

    def named(self) -> str:
        return self.database_name


class MysqlProbe(ServerProbe):
    """Implements core.ports.Probe."""

    async def converse(self, inquiry: Inquiry, stream: Stream) -> Handshake | None:
        options: MysqlOptions = inquiry.monitor.options
        session = wire.Session(Meter(stream), options.where, local=options.socket is not None)
        with inquiry.phase("greeting"):
            greeting = await wire.greet(session)
        inquiry.observations["server_version"] = short(greeting.version)
        handshake = await self._turn_to_tls(inquiry, session, greeting)
        session.encrypted = handshake is not None
        session.confided = options.confides(encrypted=session.encrypted)
        with inquiry.phase("login"):
            await wire.log_in(session, greeting, options.database_name)
        async with taking_leave(inquiry, stream, wire.FAREWELL):
            with inquiry.phase("query"):
                time = round((inquiry.remaining() + _GRACE) * 1000)
                await wire.limit(session, maria=greeting.maria, milliseconds=time)
                answer = await wire.ask(session, options.query)
        note(inquiry, answer)
        inquiry.unmet += judge_answer(options.expect, answer)
        return handshake

    async def _turn_to_tls(self, inquiry: Inquiry, session: wire.Session, greeting: wire.Greeting) -> Handshake | None:
        options: MysqlOptions = inquiry.monitor.options
        if options.security == "off" or (options.security == "prefer" and not greeting.offers_tls):
            return None
        if not greeting.offers_tls:
            raise Trouble(Reason.TLS_FAILED, f"the server, {short(greeting.version)}, does not offer it")

        async def again(aside: Inquiry) -> Stream:
            other = await self.door.open(aside, options)
            try:
                await negotiate("mysql", other)
            except BaseException:
                other.close()
                raise
            return other

        await wire.ask_for_tls(session, greeting, options.database_name)
        return await self.door.secure(inquiry, session.meter.stream, options, again)
