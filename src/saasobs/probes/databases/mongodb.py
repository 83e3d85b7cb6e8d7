"""mongodb: what a client of MongoDB sees: connect, TLS, log in, one command, its answer. Of one server, never of others
that it may tell of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from saasobs.options import require_driver
from saasobs.probes.databases.answer import Answer, judge_answer, note
from saasobs.probes.databases.options import AnswerExpect, Name, ServerOptions
from saasobs.probes.databases.packet import Meter
from saasobs.probes.databases.visit import ServerProbe
from saasobs.probes.inquiry import Inquiry
from saasobs.probes.net.contact import Handshake
from saasobs.probes.net.stream import Stream
from saasobs.probes.verdict import short


def _writable(command: dict[str, Any]) -> dict[str, Any]:
    reserved = [key for key in command if key.startswith("$")]
    if reserved:
        raise ValueError(f"{reserved[0]} is set by the check itself")
    return command


Command = Annotated[dict[str, Any], Field(min_length=1, max_length=100), AfterValidator(_writable)]


class MongodbExpect(AnswerExpect):
    """What the answer must be."""


class MongodbOptions(ServerOptions):
    """Logs in to one MongoDB server, runs one command and judges its answer. Of a replica set each member is a monitor
    of its own: the others that it tells of are never connected to. This kind is tested against a stand-in that speaks
    MongoDB's wire protocol, not against MongoDB itself."""

    example: ClassVar[str] = """\
name: catalogue-primary
kind: mongodb
host: mongo-1.acme.example
user: saasobs
password: "${MONGO_PASSWORD}"
command: {hello: 1}
expect: {json: {"$.isWritablePrimary": true}, degraded_over: 500ms}
"""
    phases: ClassVar[Mapping[str, str]] = {
        "dns": "asking for the address",
        "connect": "the TCP connection",
        "tls": "the TLS handshake",
        "login": "hello, and the login",
        "query": "the command, until the whole of its answer",
    }
    observations: ClassVar[Mapping[str, str]] = {
        "address": "the address that was connected to",
        "tls_version": "the version of TLS, where it is used",
        "tls_cipher": "its cipher",
        "server_version": "version of the server, where it tells",
        "role": "primary, secondary, mongos, standalone or other",
        "replica_set": "name of the replica set, of its members",
        "value": "the answer's first value, if that is a number, true, false or null",
        "certificate": "the certificate, after a TLS handshake",
    }
    schemes: ClassVar[Mapping[str, bool]] = {"mongodb": False}
    default_port: ClassVar[int] = 27017

    authentication_database: Annotated[Name, Field(min_length=1)] = "admin"
    """The database that knows the user."""
    database: Name = ""
    """The database that the command is for. Default: admin."""
    command: Command = Field(default_factory=lambda: {"ping": 1})
    """One command as a mapping, its name first, as in {count: orders}; Extended JSON stands for other types, as in
    {"$date": "2026-01-01T00:00:00Z"}. The server stops it when the check's time is over. Nothing keeps it from writing
    but the rights of its user."""
    expect: MongodbExpect = MongodbExpect()
    """What the answer must be. `value` is the answer's first value, as the n of a count; `json` looks into all of it
    (relaxed Extended JSON)."""

    @model_validator(mode="after")
    def _login(self) -> Self:
        require_driver("pymongo", "mongodb")
        if bool(self.where.user) != (self.where.password is not None):
            raise ValueError("user and password go together")
        if self.where.path and self.database:
            raise ValueError("the database stands in the url already")
        return self

    @property
    def database_name(self) -> str:
        """The database in force."""
        return self.database or self.where.path or "admin"

    def named(self) -> str:
        return self.database or self.where.path


class MongodbProbe(ServerProbe):
    """Implements core.ports.Probe."""

    async def converse(self, inquiry: Inquiry, stream: Stream) -> Handshake | None:
        from saasobs.probes.databases import mongodb_wire as wire  # noqa: PLC0415 - its driver is an extra

        options: MongodbOptions = inquiry.monitor.options
        handshake = None
        if options.security != "off":
            handshake = await self.door.secure(inquiry, stream, options)
        session, where, source = (
            wire.Session(Meter(stream), options.where),
            options.where,
            options.authentication_database,
        )
        with inquiry.phase("login"):
            hello = await session.run(wire.hello(where, source), "admin")
            if where.user:
                await wire.log_in(session, where, source, hello, self.salted)
            build = await session.tried({"buildInfo": 1}, "admin")
        _note_server(inquiry, hello, build)
        with inquiry.phase("query"):
            limits = {
                "maxTimeMS": max(1, round(inquiry.remaining() * 1000)),
                "$readPreference": {"mode": "primaryPreferred"},
            }
            # What the file says wins; the command's name stays first.
            command = wire.in_bson(options.command)
            document = wire.in_json(await session.run(command | (limits | command), options.database_name))
        answer = Answer(document, tuple(document.values())[:1])
        note(inquiry, answer)
        inquiry.unmet += judge_answer(options.expect, answer)
        return handshake


def _note_server(inquiry: Inquiry, hello: dict[str, Any], build: dict[str, Any]) -> None:
    if isinstance(version := build.get("version"), str):
        inquiry.observations["server_version"] = short(version)
    if isinstance(name := hello.get("setName"), str):
        inquiry.observations["replica_set"] = short(name)
    inquiry.observations["role"] = _role(hello)


def _role(hello: dict[str, Any]) -> str:
    if hello.get("msg") == "isdbgrid":
        return "mongos"
    if hello.get("isWritablePrimary"):
        return "primary" if "setName" in hello else "standalone"
    return "secondary" if hello.get("secondary") else "other"
