"""postgres: what a client of PostgreSQL sees: connect, TLS, log in, one query, its value. Also of what speaks its
protocol: PgBouncer, CockroachDB and others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, Self

from pydantic import model_validator

from saasobs.core.result import Reason
from saasobs.probes.databases import postgres_wire as wire
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


class PostgresOptions(LocalServerOptions):
    """Logs in to PostgreSQL, or to what speaks its protocol, runs one read-only query and judges what it gives."""

    example: ClassVar[str] = """\
name: billing-db-lag
kind: postgres
host: db-replica.acme.example
user: saasobs
password: "${DB_PASSWORD}"
database: billing
tls: require
query: SELECT coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0)
expect: {value: {"<": 30}, degraded_over: 500ms}
"""
    phases: ClassVar[Mapping[str, str]] = {
        "dns": "asking for the address",
        "connect": "the TCP connection, or the Unix socket's",
        "greeting": "asking for TLS",
        "tls": "the TLS handshake",
        "login": "the login, until the server is ready",
        "query": "the query, until its last row",
    }
    observations: ClassVar[Mapping[str, str]] = {
        "address": "the address that was connected to",
        "tls_version": "the version of TLS, where it is used",
        "tls_cipher": "its cipher",
        "server_version": "version of the server",
        "role": "primary or replica (PostgreSQL 14 and later)",
        "rows": "how many rows the query gave, at most 1000",
        "value": "its first value, if that is a number, true, false or null",
        "certificate": "the certificate, after a TLS handshake",
    }
    schemes: ClassVar[Mapping[str, bool]] = {"postgresql": False, "postgres": False}
    default_port: ClassVar[int] = 5432
    default_tls: ClassVar[TlsMode] = "prefer"
    negotiates: ClassVar[bool] = True

    database: Name = ""
    """The database. Default: that of the user's name."""
    query: Statement = "SELECT 1"
    """One SQL statement. It runs in a transaction that is read-only and never committed, and the server stops it when
    the check's time is over."""
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
        """The database in force."""
        return self.database or self.where.path or self.where.user

    def named(self) -> str:
        return self.database_name


class PostgresProbe(ServerProbe):
    """Implements core.ports.Probe."""

    async def converse(self, inquiry: Inquiry, stream: Stream) -> Handshake | None:
        options: PostgresOptions = inquiry.monitor.options
        handshake = await self._turn_to_tls(inquiry, stream)
        session = wire.Session(Meter(stream), options.where, options.confides(encrypted=handshake is not None))
        with inquiry.phase("login"):
            await wire.log_in(session, options.database_name, self.salted)
        _note_server(inquiry, session.settings)
        async with taking_leave(inquiry, stream, wire.FAREWELL):
            with inquiry.phase("query"):
                time = round((inquiry.remaining() + _GRACE) * 1000)
                answer = await wire.ask(session, options.query, time)
        note(inquiry, answer)
        inquiry.unmet += judge_answer(options.expect, answer)
        return handshake

    async def _turn_to_tls(self, inquiry: Inquiry, stream: Stream) -> Handshake | None:
        options: PostgresOptions = inquiry.monitor.options
        if options.security == "off":
            return None
        with inquiry.phase("greeting"):
            offered = await wire.offers_tls(stream)
        if offered:

            async def again(aside: Inquiry) -> Stream:
                other = await self.door.open(aside, options)
                try:
                    await negotiate("postgres", other)
                except BaseException:
                    other.close()
                    raise
                return other

            return await self.door.secure(inquiry, stream, options, again)
        if options.security == "prefer":
            return None
        raise Trouble(Reason.TLS_FAILED, "the server does not offer it")


def _note_server(inquiry: Inquiry, settings: Mapping[str, str]) -> None:
    inquiry.observations["server_version"] = short(settings.get("server_version", ""))
    if standby := settings.get("in_hot_standby"):
        inquiry.observations["role"] = "replica" if standby == "on" else "primary"
